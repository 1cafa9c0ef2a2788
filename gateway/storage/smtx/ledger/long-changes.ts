import type { VisibleError } from "../../../../core/api/errors.ts";
import type { Time } from "../../../time/time.ts";
import { unlessAborted } from "../../../time/unless-aborted.ts";
import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { Changes } from "./changes.ts";
import { changedCounters } from "./copy.ts";
import { busy } from "./errors.ts";
import { beatLease, isHeldAs, LeaseWatch, type LedgerLease, readLease, releaseLease, takeLease } from "./lease.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { Replica } from "./replica.ts";

/** A holder who says nothing for so long is taken for dead. */
const silentMsMax = 30_000;
const beatMs = 8_000;
const lookMs = { min: 500, max: 1_500 };
/** Somebody else's work on a cluster may take long, but then the caller is better told. */
const waitMsMax = 600_000;

/** The call of what is done under the lease. */
export interface LongCall extends StorageCall {
  readonly signal: AbortSignal;
  /** For what would harm if somebody else had taken over. @throws CLUSTER_BUSY if so */
  confirm(): Promise<void>;
}

export interface LongChangeSteps<T, R> {
  /** A transaction that is undone, with its changes kept. What it gives is what is realized. */
  readonly plan: (database: Database) => T;
  /**
   * Does what was planned. It may read and make short changes of the ledger, not another one like
   * this.
   * @param call its signal is aborted when the caller's is, or when somebody else has taken over
   */
  readonly realize: (planned: T, call: LongCall) => Promise<R>;
  /** Runs where the planned changes come after those of others; all is recorded as one. */
  readonly finish?: (database: Database, planned: T, realized: R) => void;
}

interface ShortChanges {
  readonly time: Time;
  readonly deviceName: string;
  read<T>(work: (database: Database) => T, call?: StorageCall): Promise<T>;
  change<T>(work: (database: Database) => T, call?: StorageCall): Promise<T>;
  exclusively<T>(work: (replica: Replica) => Promise<T>, call?: StorageCall): Promise<T>;
}

interface Begun<T> {
  readonly planned: T;
  readonly changes: Changes;
  readonly lease: LedgerLease;
}

/** Changes with something slow between planning and recording them: under the lease. */
export class LongChanges {
  readonly #ledger: ShortChanges;
  readonly #own = new OneAtATime();

  constructor(ledger: ShortChanges) {
    this.#ledger = ledger;
  }

  run<T, R>(steps: LongChangeSteps<T, R>, call?: StorageCall): Promise<T> {
    return this.#own.run(call?.signal, async () => {
      const begun = await this.#begin(steps.plan, call);
      try {
        const realized = await this.#whileBeating(begun.lease, call, (watch) => steps.realize(begun.planned, watch));
        call?.signal?.throwIfAborted();
        await this.#record(begun, (database) => steps.finish?.(database, begun.planned, realized), call);
      } catch (error) {
        await this.#ledger.change((database) => releaseLease(database, begun.lease)).catch(() => undefined);
        throw error;
      }
      return begun.planned;
    });
  }

  close(): Promise<void> {
    return this.#own.run(undefined, async () => undefined);
  }

  /** Waits for the lease, plans, and takes it. */
  async #begin<T>(plan: (database: Database) => T, call: StorageCall | undefined): Promise<Begun<T>> {
    const { time, deviceName } = this.#ledger;
    const watch = new LeaseWatch(time);
    const endMs = time.nowMs() + waitMsMax;
    const isFree = (lease: LedgerLease): boolean => lease.holder === null || watch.stillMs(lease) >= silentMsMax;
    for (;;) {
      const begun = await this.#tryBegin(isFree, plan, call);
      if (begun !== undefined) return begun;
      if (time.nowMs() >= endMs) throw busy(`Others have been changing what is known of ${deviceName} for too long.`);
      await this.#look(isFree, endMs, call);
    }
  }

  /** Looks, without keeping anybody from anything, until the lease seems to be free. */
  async #look(isFree: (lease: LedgerLease) => boolean, endMs: number, call: StorageCall | undefined): Promise<void> {
    const { time } = this.#ledger;
    const signal = call?.signal ?? new AbortController().signal;
    for (let beat: number | undefined; time.nowMs() < endMs; ) {
      await time.sleep(lookMs.min + Math.random() * (lookMs.max - lookMs.min), signal);
      signal.throwIfAborted();
      const lease = await this.#ledger.read(readLease, call);
      if (isFree(lease)) return;
      if (lease.beat !== beat) call?.onMoved?.();
      beat = lease.beat;
    }
  }

  /** @returns undefined while the lease is another's */
  #tryBegin<T>(
    isFree: (lease: LedgerLease) => boolean,
    plan: (database: Database) => T,
    call: StorageCall | undefined,
  ): Promise<Begun<T> | undefined> {
    return this.#ledger.exclusively(async (replica) => {
      const { copy } = replica;
      if (!isFree(copy.read(readLease))) return undefined;
      const { result: planned, changes } = copy.rehearse(plan);
      const { result: lease, changes: taking } = copy.rehearse(takeLease);
      // The numbers that the plan has given are nobody else's, whatever becomes of it.
      await replica.append({ ...taking, counters: changes.counters });
      return { planned, changes, lease };
    }, call);
  }

  async #whileBeating<R>(
    lease: LedgerLease,
    call: StorageCall | undefined,
    work: (watch: LongCall) => Promise<R>,
  ): Promise<R> {
    const over = new AbortController();
    const lost = new AbortController();
    const called = call?.signal === undefined ? [] : [call.signal];
    const signal = AbortSignal.any([lost.signal, ...called]);
    // Nobody beats for work that nobody waits for.
    const beating = this.#beat(lease, lost, AbortSignal.any([over.signal, ...called]));
    try {
      const confirm = async (): Promise<void> => {
        if (!(await this.#beatOnce(lease, signal))) lost.abort(this.#takenOver());
        signal.throwIfAborted();
      };
      return await unlessAborted(signal, work({ ...call, signal, confirm }));
    } finally {
      over.abort();
      await beating;
    }
  }

  async #beat(lease: LedgerLease, lost: AbortController, signal: AbortSignal): Promise<void> {
    while (!lost.signal.aborted) {
      await this.#ledger.time.sleep(beatMs, signal);
      if (signal.aborted) return;
      // What fails is tried again. Before anything is recorded the lease is looked at anyway.
      const isHeld = await this.#beatOnce(lease, signal).catch(() => true);
      if (!isHeld) lost.abort(this.#takenOver());
    }
  }

  /** @returns whether the lease is still this one */
  #beatOnce(lease: LedgerLease, signal: AbortSignal): Promise<boolean> {
    const beat = (database: Database): boolean => {
      beatLease(database, lease);
      return isHeldAs(database, lease);
    };
    return this.#ledger.change(beat, { signal });
  }

  #record<T>(
    { changes, lease }: Begun<T>,
    finish: (database: Database) => void,
    call: StorageCall | undefined,
  ): Promise<void> {
    return this.#ledger.exclusively(async (replica) => {
      const { copy } = replica;
      if (!copy.read((database) => isHeldAs(database, lease))) throw this.#takenOver();
      const before = copy.counters();
      if (!copy.applyLate(changes.changesets)) {
        throw busy(`What was planned on ${this.#ledger.deviceName} no longer fits what others have changed.`);
      }
      try {
        const counters = changedCounters(before, copy.counters());
        const { changes: last } = copy.rehearse((database) => {
          finish(database);
          releaseLease(database, lease);
        });
        const all = {
          changesets: [...changes.changesets, ...last.changesets],
          counters: { ...counters, ...last.counters },
        };
        await replica.append(all, { made: changes.changesets.length });
      } catch (error) {
        // It has changes that may not be recorded.
        replica.discard();
        throw error;
      }
    }, call);
  }

  #takenOver(): VisibleError {
    return busy(`Another gateway has taken over the changes of ${this.#ledger.deviceName}: this one was silent.`);
  }
}
