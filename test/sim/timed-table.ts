import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
import { type ManualTime, manualTime } from "../../gateway/agent/testing.ts";
import type { Raw, Units } from "./capacity.ts";
import type { Passage } from "./model-client.ts";
import { keysOf } from "./model-expressions.ts";
import type { ModelTable } from "./model-table.ts";

/** How long things take. */
export interface ServiceTimes {
  /** One request, there and back, of DynamoDB or a queue; a transaction takes twice as long. */
  readonly requestMs: number;
  /** What a partition takes in a second; what is above it waits its turn. */
  readonly writeUnits: number;
  readonly readUnits: number;
}

/** DynamoDB's limits of a partition. */
export const usualServiceTimes: ServiceTimes = { requestMs: 5, writeUnits: 1000, readUnits: 3000 };

const never = new AbortController().signal;

/** Who waits for a partition gets it in the order of coming. */
class Turns {
  #last: Promise<void> = Promise.resolve();
  #freeAtMs = 0;
  readonly #time: ManualTime;

  constructor(time: ManualTime) {
    this.#time = time;
  }

  /**
   * Resolves when the partition is free. @returns how it is left: for so long it takes nothing more
   */
  async enter(): Promise<(busyMs: number) => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    const waitMs = this.#freeAtMs - this.#time.nowMs();
    if (waitMs > 0) await this.#time.sleep(waitMs, never);
    return (busyMs) => {
      this.#freeAtMs = Math.max(this.#freeAtMs, this.#time.nowMs()) + busyMs;
      resolve();
    };
  }
}

/**
 * Time for the model of DynamoDB: requests of several functions go on at once, take a while, and
 * wait where a partition has had enough. Items of a transaction are nobody else's until it is over:
 * who comes meanwhile is refused, as DynamoDB does.
 */
export class TimedTable {
  readonly time = manualTime();
  /** While it is not on, all is done at once. */
  #isOn = false;
  readonly #pace: ServiceTimes;
  readonly #table: () => ModelTable;
  readonly #locked = new Set<string>();
  readonly #turns = new Map<string, Turns>();

  constructor(table: () => ModelTable, pace: ServiceTimes = usualServiceTimes) {
    this.#table = table;
    this.#pace = pace;
  }

  /** From now on time passes, for waits of the code under test as well. @returns what ends it */
  begin(): () => void {
    const wait = timers.setTimeout;
    const virtual = (milliseconds = 1, value?: unknown) => this.sleep(milliseconds).then(() => value);
    timers.setTimeout = virtual as typeof timers.setTimeout;
    syncBuiltinESMExports();
    this.#isOn = true;
    return () => {
      this.#isOn = false;
      timers.setTimeout = wait;
      syncBuiltinESMExports();
    };
  }

  readonly sleep = (milliseconds: number): Promise<void> =>
    this.#isOn ? this.time.sleep(milliseconds, never) : Promise.resolve();

  readonly passage: Passage = async (request, command, input) => {
    if (!this.#isOn) return request();
    await this.sleep(this.#pace.requestMs / 2);
    try {
      return command === "SendMessage" ? request() : await this.#answer(request, command, input);
    } finally {
      await this.sleep(this.#pace.requestMs / 2);
    }
  };

  async #answer(request: () => Raw, command: string, input: Raw): Promise<Raw> {
    const keys = keysOf(command, input).map(({ pk, sk }) => `${pk}\n${sk}`);
    // A batch is no transaction: DynamoDB gives back what it could not write,
    // and it is written then.
    const isRefused = command !== "BatchWriteItemCommand" && keys.some((key) => this.#locked.has(key));
    if (isRefused) return this.#inTurn(command, input, () => this.#table().conflict(command, input));
    if (command !== "TransactWriteItemsCommand") return this.#inTurn(command, input, request);
    for (const key of keys) this.#locked.add(key);
    try {
      await this.sleep(this.#pace.requestMs);
      return await this.#inTurn(command, input, request);
    } finally {
      for (const key of keys) this.#locked.delete(key);
    }
  }

  async #inTurn(command: string, input: Raw, request: () => Raw): Promise<Raw> {
    const places = new Set(placesOf(command, input));
    const kind = keysOf(command, input).length > 0 ? "write" : "read";
    const entered = [...places].map(async (place) => [place, await this.#turnsOf(`${kind} ${place}`).enter()] as const);
    const leave = await Promise.all(entered);
    try {
      return request();
    } finally {
      const consumed = this.#table().capacity.last;
      for (const [place, left] of leave) left(this.#busyMs(kind, consumed.get(place)));
    }
  }

  #busyMs(kind: keyof Units, units: Units | undefined): number {
    const perSecond = kind === "write" ? this.#pace.writeUnits : this.#pace.readUnits;
    return ((units?.[kind] ?? 0) / perSecond) * 1000;
  }

  #turnsOf(name: string): Turns {
    const turns = this.#turns.get(name) ?? new Turns(this.time);
    this.#turns.set(name, turns);
    return turns;
  }
}

/** The partitions that a request is for, as the model names them; the index follows the table. */
const placesOf = (command: string, input: Raw): readonly string[] => {
  const { Key, IndexName, ExpressionAttributeValues: values } = input as Record<string, Raw | undefined>;
  if (command === "GetItemCommand") return [`table ${Key?.["pk"]}`];
  if (command === "QueryCommand")
    return [IndexName === undefined ? `table ${values?.[":pk"]}` : `index ${values?.[":shard"]}`];
  return keysOf(command, input).map(({ pk }) => `table ${pk}`);
};
