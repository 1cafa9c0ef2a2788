import { randomBytes } from "node:crypto";
import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** Well within what a holder may be silent. */
const beatMs = 60_000;

/**
 * Who has snapshots open. The LUNs that they are read through bear its name, and it raises its
 * number in the records while any is open, so that nobody removes them.
 */
export class Holder {
  readonly id: string = randomBytes(6).toString("hex");
  readonly #ledger: Ledger;
  readonly #time: Time;
  readonly #open = new Set<string>();
  #beating: { readonly begun: Promise<void>; readonly end: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(of: { readonly ledger: Ledger; readonly time: Time }) {
    this.#ledger = of.ledger;
    this.#time = of.time;
  }

  /** Before the LUN is made. @param name the LUN's */
  async hold(name: string, call?: StorageCall): Promise<void> {
    this.#open.add(name);
    this.#beating ??= this.#begin(call);
    try {
      await this.#beating.begun;
    } catch (error) {
      await this.letGo(name);
      throw error;
    }
  }

  isOpen(name: string): boolean {
    return this.#open.has(name);
  }

  /** When the LUN is gone. */
  async letGo(name: string): Promise<void> {
    this.#open.delete(name);
    if (this.#open.size > 0) return;
    await this.#stop();
  }

  /** What is open still is left to others to close, for a while. */
  async close(): Promise<void> {
    await this.#stop();
    this.#open.clear();
  }

  #begin(call: StorageCall | undefined) {
    const end = new AbortController();
    const begun = this.#ledger.change((database) => beat(database, this.id), call);
    const ended = begun.then(() => this.#beat(end.signal)).catch(() => undefined);
    return { begun, end, ended };
  }

  async #stop(): Promise<void> {
    const beating = this.#beating;
    this.#beating = undefined;
    beating?.end.abort();
    await beating?.ended;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#time.sleep(beatMs, signal);
      if (signal.aborted) return;
      // What fails is tried again: several may, before anybody takes it for dead.
      await this.#ledger.change((database) => beat(database, this.id), { signal }).catch(() => undefined);
    }
  }
}

const beat = (database: Database, id: string): void => {
  database.run("INSERT INTO holders VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET beat = beat + 1", id);
};

export interface HolderRow {
  readonly id: string;
  readonly beat: number;
}

export const listHolders = (database: Database): readonly HolderRow[] =>
  database.all<HolderRow>("SELECT id, beat FROM holders ORDER BY id");

/** Unless it says something again. */
export const forgetHolder = (database: Database, { id, beat: last }: HolderRow): void => {
  database.run("DELETE FROM holders WHERE id = ? AND beat = ?", id, last);
};
