import { randomUUID } from "node:crypto";
import type { Time } from "../../../time/time.ts";
import type { Database } from "../../extentstore/database/database.ts";

/**
 * Who may do something slow between planning and recording it: one on the whole cluster. The holder
 * counts `beat` up while he works; whoever waits takes the lease when the beat stands still, and
 * the number tells the old holder that it is his no more.
 */
const table = `CREATE TABLE IF NOT EXISTS ledgerLeases (
  name TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  beat INTEGER NOT NULL,
  holder TEXT
) STRICT, WITHOUT ROWID`;
const name = "around";

export interface LedgerLease {
  readonly number: number;
  readonly beat: number;
  /** Nobody's when null. */
  readonly holder: string | null;
}

export const makeLeaseTable = (database: Database): void => database.execute(table);

export const readLease = (database: Database): LedgerLease =>
  database.one<LedgerLease>("SELECT number, beat, holder FROM ledgerLeases WHERE name = ?", name) ?? {
    number: 0,
    beat: 0,
    holder: null,
  };

export const takeLease = (database: Database): LedgerLease => {
  const lease = { number: readLease(database).number + 1, beat: 0, holder: randomUUID() };
  database.run(
    "INSERT OR REPLACE INTO ledgerLeases (name, number, beat, holder) VALUES (?, ?, 0, ?)",
    name,
    lease.number,
    lease.holder,
  );
  return lease;
};

export const isHeldAs = (database: Database, { number, holder }: LedgerLease): boolean => {
  const now = readLease(database);
  return now.number === number && now.holder === holder;
};

/** Does nothing where the lease is another's. */
export const beatLease = (database: Database, { number, holder }: LedgerLease): void =>
  void database.run(
    "UPDATE ledgerLeases SET beat = beat + 1 WHERE name = ? AND number = ? AND holder = ?",
    name,
    number,
    holder,
  );

/** Does nothing where the lease is another's. */
export const releaseLease = (database: Database, { number, holder }: LedgerLease): void =>
  void database.run(
    "UPDATE ledgerLeases SET holder = NULL WHERE name = ? AND number = ? AND holder = ?",
    name,
    number,
    holder,
  );

/** How long a lease has stood still for somebody who looks at it, by his own clock. */
export class LeaseWatch {
  readonly #time: Time;
  #last: LedgerLease | undefined;
  #sinceMs = 0;

  constructor(time: Time) {
    this.#time = time;
  }

  /** @returns milliseconds; 0 when it has moved since the last look */
  stillMs(lease: LedgerLease): number {
    const nowMs = this.#time.nowMs();
    const { number, beat } = this.#last ?? {};
    if (number !== lease.number || beat !== lease.beat) {
      this.#last = lease;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs;
  }
}
