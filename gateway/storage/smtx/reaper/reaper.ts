import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { LongCall } from "../ledger/long-changes.ts";
import { holderOf, isLasting } from "../names.ts";
import { findBefore } from "./found-before.ts";
import { forgetHolder, type Holder, type HolderRow, listHolders } from "./holder.ts";
import { knownThings, volumesWithSnapshots } from "./known.ts";
import type { OurThing, Remains } from "./remains.ts";
import { Silence } from "./silence.ts";

const everyMs = 600_000;
/** So many are removed at once: others wait meanwhile. */
const removedMax = 200;
/** So many volumes are asked for their snapshots at once; the others later. */
const askedMax = 50;

interface Look {
  readonly left: readonly OurThing[];
  readonly deadHolders: readonly HolderRow[];
}

/** Removes what a death left on the cluster: what has a name of ours, and no record knows. */
export class Reaper {
  readonly #ledger: Ledger;
  readonly #remains: Remains;
  readonly #time: Time;
  readonly #holder: Holder;
  readonly #silence: Silence;
  #lastMs = Number.NEGATIVE_INFINITY;
  #askedUntil = "";

  constructor(of: {
    readonly ledger: Ledger;
    readonly remains: Remains;
    /** Our own. */
    readonly holder: Holder;
    readonly time: Time;
  }) {
    this.#ledger = of.ledger;
    this.#remains = of.remains;
    this.#time = of.time;
    this.#holder = of.holder;
    this.#silence = new Silence(of.time);
  }

  /** See `findBefore`. */
  begin(call?: StorageCall): Promise<void> {
    return findBefore({ ledger: this.#ledger, remains: this.#remains }, call);
  }

  /** At the first call, and not more often than each ten minutes after it. */
  async tend(call?: StorageCall): Promise<void> {
    const nowMs = this.#time.nowMs();
    if (nowMs - this.#lastMs < everyMs) return;
    this.#lastMs = nowMs;
    await this.reap(call);
  }

  /**
   * What can't be removed is left for the next time.
   * @returns how many things were removed
   * @throws the first that could not be removed failed with, at the end
   */
  async reap(call?: StorageCall): Promise<number> {
    await this.begin(call);
    const volumes = await this.#volumesToAsk(call);
    const { left, deadHolders } = await this.#look(volumes, call);
    if (left.length === 0 && deadHolders.length === 0) return 0;
    const failed: unknown[] = [];
    let removed = 0;
    await this.#ledger.changeAround<undefined, readonly HolderRow[]>(
      {
        plan: () => undefined,
        realize: async (_, watch) => {
          const look = await this.#look(volumes, watch);
          removed = await this.#remove(look.left, watch, failed);
          return look.deadHolders;
        },
        finish: (database, _, dead) => {
          for (const row of dead) forgetHolder(database, row);
        },
      },
      call,
    );
    if (failed.length > 0) throw failed[0];
    return removed;
  }

  async #remove(left: readonly OurThing[], watch: LongCall, failed: unknown[]): Promise<number> {
    const some = left.slice(0, removedMax);
    for (const thing of some) {
      // Somebody else may need it by its name, and take it, as soon as he may make things.
      await watch.confirm();
      try {
        await this.#remains.remove(thing, watch);
      } catch (error) {
        watch.signal.throwIfAborted();
        failed.push(error);
      }
      watch.onMoved?.();
    }
    return some.length - failed.length;
  }

  /** What records were made for what was found is seen, since they are looked at afterwards. */
  async #look(volumes: readonly string[], call: StorageCall | undefined): Promise<Look> {
    const ours = await this.#remains.list(volumes, call);
    const { known, holders } = await this.#ledger.read(
      (database) => ({ known: knownThings(database), holders: listHolders(database) }),
      call,
    );
    this.#silence.look(holders);
    const holding = new Set(ours.map(({ name }) => holderOf(name)));
    return {
      left: ours.flatMap((thing) => this.#asLeft(thing, known)),
      deadHolders: holders.filter(({ id }) => !holding.has(id) && this.#silence.isDead(id)),
    };
  }

  #asLeft(thing: OurThing, known: ReadonlySet<string>): readonly OurThing[] {
    const { id, name, aliases, parts } = thing;
    if (isLasting(name) || [id, name, ...aliases].some((one) => known.has(one))) return [];
    if (this.#isHeld(name)) return [];
    // A group's snapshot is needed no more, but what it consists of may be.
    return [parts?.some((part) => known.has(part)) ? { ...thing, parts: [] } : thing];
  }

  #isHeld(name: string): boolean {
    const holder = holderOf(name);
    if (holder === undefined) return false;
    return holder === this.#holder.id ? this.#holder.isOpen(name) : !this.#silence.isDead(holder);
  }

  async #volumesToAsk(call: StorageCall | undefined): Promise<readonly string[]> {
    const all = await this.#ledger.read(volumesWithSnapshots, call);
    const next = all.filter((volume) => volume > this.#askedUntil);
    const asked = [...next, ...all].slice(0, Math.min(askedMax, all.length));
    this.#askedUntil = asked.at(-1) ?? "";
    return asked;
  }
}
