import { extentCount, type Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { StorageCall } from "../../call.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { ExtentToken } from "../../volume-io.ts";

export type AskTokens = (zbsVolumeId: string, extents: number, call?: StorageCall) => Promise<readonly ExtentToken[]>;

/** So many extent tables are asked for at the most; of more nobody says that they are equal. */
const tablesMax = 64;

interface Table extends Geometry {
  readonly zbsVolumeId: string;
  readonly sizeBytes: number;
}

/**
 * What differs between volumes and snapshots, by the cluster's own extent tables. They are asked
 * for between two tries of what compares them. Where nobody may ask, all may have changed.
 */
export class Comparing {
  readonly #ask: AskTokens | undefined;
  readonly #tokens = new Map<number, readonly ExtentToken[]>();
  readonly #wanted = new Map<number, Table>();

  constructor(ask: AskTokens | undefined) {
    this.#ask = ask;
  }

  /** Runs `work` so that it compares with what is known by now. */
  with<T>(database: Database, work: () => T): T {
    database.compare = (a, b) => this.#compare(database, a, b);
    try {
      return work();
    } finally {
      database.compare = undefined;
    }
  }

  /** Learns what was missing. @returns whether anything was */
  async learn(call?: StorageCall): Promise<boolean> {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const [tableId, { zbsVolumeId, sizeBytes, ...geometry }] of wanted) {
      if (this.#ask === undefined || this.#tokens.size >= tablesMax) return false;
      this.#tokens.set(tableId, await this.#ask(zbsVolumeId, extentCount(geometry, sizeBytes), call));
    }
    return wanted.length > 0;
  }

  #compare(database: Database, a: number, b: number): number {
    const [one, other] = [this.#tokensOf(database, a), this.#tokensOf(database, b)];
    if (one === undefined || other === undefined) return Math.max(1, extentsOf(database, a));
    let count = 0;
    for (let extent = 0; extent < Math.max(one.length, other.length); extent++) {
      if ((one[extent] ?? null) !== (other[extent] ?? null)) count++;
    }
    return count;
  }

  #tokensOf(database: Database, tableId: number): readonly ExtentToken[] | undefined {
    const known = this.#tokens.get(tableId);
    if (known !== undefined) return known;
    const table = tableOf(database, tableId);
    if (table !== undefined) this.#wanted.set(tableId, table);
    return undefined;
  }
}

const shape = "sizeBytes, extentBytes, stripeCount, stripeBytes";

const tableOf = (database: Database, tableId: number): Table | undefined =>
  database.one<Table>(
    `SELECT zbsVolumeId, ${shape} FROM snapshots JOIN snapshotsOfTables USING (tableId) WHERE tableId = ?`,
    tableId,
  ) ??
  database.one<Table>(
    `SELECT ifnull(f.zbsVolumeId, l.zbsVolumeId) AS zbsVolumeId, v.sizeBytes, extentBytes, stripeCount, stripeBytes
     FROM volumes v LEFT JOIN lunsOfVolumes l ON l.volumeId = v.id LEFT JOIN filesOfVolumes f ON f.volumeId = v.id
     WHERE v.tableId = ? AND ifnull(f.zbsVolumeId, l.zbsVolumeId) IS NOT NULL`,
    tableId,
  );

const extentsOf = (database: Database, tableId: number): number => {
  const table = tableOf(database, tableId);
  return table === undefined ? 1 : extentCount(table, table.sizeBytes);
};
