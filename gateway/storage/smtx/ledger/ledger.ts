import { steadyTime, type Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { isNothing } from "./changes.ts";
import type { LedgerCopy } from "./copy.ts";
import type { LedgerDevice } from "./device.ts";
import { makeLeaseTable } from "./lease.ts";
import { type LongChangeSteps, LongChanges } from "./long-changes.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { Replica } from "./replica.ts";

export interface LedgerOptions {
  /**
   * Brings the database's tables to what the program needs, or throws STORE_TOO_NEW. Every table
   * has a primary key. Where another program changes `user_version` later, calls are STORE_TOO_NEW.
   */
  readonly migrate: (database: Database) => void;
  /** One that nobody sets. */
  readonly time?: Time;
  /** For tests: how long the log may become before there is a new checkpoint. */
  readonly logBytesMin?: number;
}

/**
 * A SQLite database on a small device that several processes, threads and hosts share. Whoever uses
 * it has a copy, which is brought up to date before each use. A crash at any moment leaves it as it
 * was before a change or after it.
 *
 * `work` is synchronous, keeps no `Database` for later, and may be run again in another copy: its
 * transaction is undone, and what it changed is recorded and then made in every copy alike. It
 * changes rows, never tables.
 *
 * Errors of all calls: STORE_CORRUPT (the device has what no ledger wrote, or was damaged),
 * STORE_TOO_NEW, STORE_FULL, CLUSTER_BUSY, what the device throws, the signal's reason. When a
 * change fails by what the device throws, it may be recorded or not.
 */
export class Ledger {
  readonly #device: LedgerDevice;
  readonly #replica: Replica;
  readonly #longChanges: LongChanges;
  /** Of this copy. */
  readonly #uses = new OneAtATime();
  readonly #changes = new OneAtATime();
  #isClosed = false;

  private constructor(device: LedgerDevice, { time = steadyTime, ...options }: LedgerOptions) {
    this.#device = device;
    this.#replica = new Replica(device, options);
    this.#longChanges = new LongChanges({
      time,
      deviceName: device.name,
      read: (work, call) => this.read(work, call),
      change: (work, call) => this.change(work, call),
      exclusively: (work, call) => this.#exclusively(work, call),
    });
  }

  /**
   * Opens the ledger on a device, and makes it one where it is all zeros; it must be closed.
   * @throws STORE_FULL also where the device is too small, STORE_CORRUPT also where it has
   *   something else; then it is left as it is
   */
  static async open(device: LedgerDevice, options: LedgerOptions, call?: StorageCall): Promise<Ledger> {
    const ledger = new Ledger(device, options);
    const migrate = (database: Database): void => {
      options.migrate(database);
      makeLeaseTable(database);
    };
    try {
      await device.exclusively(() => ledger.#replica.begin(migrate, call), call);
    } catch (error) {
      ledger.#replica.discard();
      throw error;
    }
    return ledger;
  }

  /** What `work` reads, in one state that is no older than this call. */
  read<T>(work: (database: Database) => T, call?: StorageCall): Promise<T> {
    return this.#read((copy) => copy.read(work), call);
  }

  /** What `work` would give if its changes were made; they are not. */
  suppose<T>(work: (database: Database) => T, call?: StorageCall): Promise<T> {
    return this.#read((copy) => copy.rehearse(work).result, call);
  }

  /** Records what `work` changes; when it throws, nothing. */
  change<T>(work: (database: Database) => T, call?: StorageCall): Promise<T> {
    return this.#exclusively(async (replica) => {
      const { result, changes } = replica.copy.rehearse(work);
      call?.signal?.throwIfAborted();
      if (!isNothing(changes)) await replica.append(changes);
      return result;
    }, call);
  }

  /**
   * Records a change that needs something slow to be done first, while short changes of others go
   * on. One such at a time on the whole device; whoever waits for one says `onMoved` while that one
   * moves.
   * @throws CLUSTER_BUSY: others have changed what `plan` changes, or what that needs; another has
   *   taken over, as this one was silent for too long; it took too long until it could begin. Then,
   *   and whenever a step throws, nothing is recorded, whatever was realized
   */
  changeAround<T, R>(steps: LongChangeSteps<T, R>, call?: StorageCall): Promise<T> {
    return this.#longChanges.run(steps, call);
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#longChanges.close();
    await this.#changes.run(undefined, () =>
      this.#uses.run(undefined, async () => {
        this.#isClosed = true;
        this.#replica.discard();
      }),
    );
  }

  async #read<T>(look: (copy: LedgerCopy) => T, call?: StorageCall): Promise<T> {
    const read = await this.#use(call, async () =>
      (await this.#replica.refresh(call)) ? { result: look(this.#replica.copy) } : undefined,
    );
    if (read !== undefined) return read.result;
    return this.#exclusively(async ({ copy }) => look(copy), call);
  }

  /** The device first: while it is waited for, reads go on. */
  #exclusively<T>(work: (replica: Replica) => Promise<T>, call?: StorageCall): Promise<T> {
    return this.#changes.run(call?.signal, () =>
      this.#device.exclusively(
        () =>
          this.#use(call, async () => {
            await this.#replica.mend(call);
            return work(this.#replica);
          }),
        call,
      ),
    );
  }

  #use<T>(call: StorageCall | undefined, work: () => Promise<T>): Promise<T> {
    return this.#uses.run(call?.signal, () => {
      if (this.#isClosed) throw new TypeError("the ledger is closed");
      return work();
    });
  }
}
