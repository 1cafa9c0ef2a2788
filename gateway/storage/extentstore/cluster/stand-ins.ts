import type { GroupId } from "../../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectId, RebuildObjectOptions, StandIn, StandInsOptions, StoodFor } from "../../control.ts";
import type { Database } from "../database/database.ts";
import { findObjects } from "./objects.ts";
import { rebuildKeyOf } from "./rebuilt.ts";
import { type SnapshotRow, snapshotOfSource } from "./snapshots.ts";
import type { VolumeRow } from "./volume-row.ts";

/*
 * What restores have made, and what it stands for: remembered also when it is deleted. Everything
 * here runs inside the caller's transaction.
 */

interface MadeRow {
  readonly key: string;
  readonly kind: ObjectConfig["kind"];
  readonly homeId: string;
  readonly madeId: string;
  readonly madeName: string;
  /** JSON. */
  readonly home: string;
}

/** Of a restore that makes it again what it made first counts. */
export const rememberMade = (database: Database, of: RebuildObjectOptions, made: ObjectConfig): void => {
  const { key, owner, object: home } = of;
  database.run(
    `INSERT OR IGNORE INTO madeObjects (key, planId, source, kind, homeId, madeId, madeName, home)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    key,
    owner.planId,
    owner.source,
    home.kind,
    home.id,
    made.id,
    made.name,
    JSON.stringify(home),
  );
  for (const { homeId, volumeId } of volumesMade(database, of, made)) {
    database.run("INSERT OR IGNORE INTO madeVolumes (key, homeId, volumeId) VALUES (?, ?, ?)", key, homeId, volumeId);
  }
};

const volumesMade = (
  database: Database,
  { key, object: home }: RebuildObjectOptions,
  made: ObjectConfig,
): readonly StoodFor[] =>
  home.volumes.flatMap(({ id: homeId }) => {
    if (home.kind !== "vm") return made.volumes.map(({ id }) => ({ homeId, volumeId: id }));
    const sql = "SELECT id FROM volumes WHERE rebuildKey = ?";
    const row = database.one<Pick<VolumeRow, "id">>(sql, rebuildKeyOf(key, homeId));
    return row === undefined ? [] : [{ homeId, volumeId: row.id }];
  });

export const standIns = (database: Database, options: StandInsOptions): StandIn[] =>
  rowsOf(database, options).map((row) => {
    const home = JSON.parse(row.home) as ObjectConfig;
    const [object] = findObjects(database, [{ kind: row.kind, id: row.madeId }]);
    return { key: row.key, home, object, madeName: row.madeName, volumes: volumesOf(database, row.key, home) };
  });

const madeBy = "SELECT * FROM madeObjects WHERE key = ? AND planId = ? AND source = ?";

/** Of several of one object that of the last of the keys. */
const rowsOf = (database: Database, { owner: { planId, source }, keys, objects }: StandInsOptions): MadeRow[] => {
  const rows = new Map<string, MadeRow>();
  const put = (row: MadeRow) => rows.set(`${row.kind}/${row.homeId}`, row);
  for (const key of keys) {
    if (objects === undefined) {
      for (const row of database.all<MadeRow>(`${madeBy} ORDER BY number`, key, planId, source)) put(row);
      continue;
    }
    for (const { kind, id } of objects) {
      const row = database.one<MadeRow>(`${madeBy} AND kind = ? AND homeId = ?`, key, planId, source, kind, id);
      if (row !== undefined) put(row);
    }
  }
  return [...rows.values()];
};

const volumesOf = (database: Database, key: string, { volumes }: Pick<ObjectConfig, "volumes">): StoodFor[] =>
  volumes.flatMap(({ id: homeId }) => {
    const sql = "SELECT homeId, volumeId FROM madeVolumes WHERE key = ? AND homeId = ?";
    const row = database.one<StoodFor>(sql, key, homeId);
    return row === undefined ? [] : [{ homeId, volumeId: row.volumeId }];
  });

/** What an object stands for, where a restore has made it. */
export const homeOf = (
  database: Database,
  { kind, id }: ObjectId,
): (ObjectId & { readonly volumes: ReadonlyMap<string, string> }) | undefined => {
  const row = database.one<MadeRow>("SELECT * FROM madeObjects WHERE madeId = ? AND kind = ?", id, kind);
  if (row === undefined) return undefined;
  const volumes = volumesOf(database, row.key, JSON.parse(row.home) as ObjectConfig);
  return { kind, id: row.homeId, volumes: new Map(volumes.map(({ homeId, volumeId }) => [homeId, volumeId])) };
};

/** A group has a volume of this cluster by its own id, or by that of the one it stands for. */
export const snapshotOfVolume = (database: Database, groupId: GroupId, volumeId: string): SnapshotRow | undefined => {
  const own = snapshotOfSource(database, groupId, volumeId);
  if (own !== undefined) return own;
  const row = database.one<StoodFor>("SELECT homeId, volumeId FROM madeVolumes WHERE volumeId = ?", volumeId);
  return row && snapshotOfSource(database, groupId, row.homeId);
};
