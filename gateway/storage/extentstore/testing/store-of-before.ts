import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../../../core/api/manifest.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import { groupId, owner, plain, takenAt } from "../../conformance/fixtures.ts";
import { Database } from "../database/database.ts";
import { migrate } from "../database/schema.ts";

/** The form of stores that had LUNs and volumes, and mirrors of one volume each. */
const formOfBefore = 6;
const KiB = 1024;

const idOf = (kind: string, n: number): string => `${kind}-${n.toString(16).padStart(16, "0")}`;

/** What is in the store, as it was told then. */
export const before = {
  lun: idOf("lun", 1),
  volume: idOf("volume", 2),
  rebuilt: idOf("volume", 3),
  mirrorLun: idOf("lun", 4),
  mirrorVolume: idOf("volume", 5),
  sourceLun: idOf("lun", 0xa1),
  sourceVolume: idOf("volume", 0xa2),
  sizeBytes: 1024 * KiB,
};

const shape = (id: string) => ({ id, sizeBytes: before.sizeBytes, geometry: plain });

export const lunOfBefore: ObjectConfig = {
  kind: "lun",
  id: before.sourceLun,
  name: "database",
  volumes: [shape(idOf("volume", 0xa1))],
  lun: { target: "iscsi", lunId: 7 },
};

/** As version 2 wrote it. */
export const manifestOfBefore: Manifest = {
  ...{ version: 2, planId: owner.planId, planName: "daily", source: owner.source },
  ...{ groupId: groupId(1), sequence: 1, takenAt, objects: [lunOfBefore] },
};

/**
 * Makes a store of before in a folder: a LUN, a volume, a rebuilt one, two mirrors of which one was
 * published and is being written again, what is prepared for both, a source group, and one whose
 * objects were not kept.
 */
export const makeStoreOfBefore = (dir: string): void => {
  mkdirSync(join(dir, "data"), { recursive: true });
  mkdirSync(join(dir, "locks"), { recursive: true });
  const database = new Database(join(dir, "store.sqlite"));
  try {
    migrate(database, { to: formOfBefore });
    database.transaction(() => fill(database));
  } finally {
    database.close();
  }
};

const fill = (database: Database): void => {
  const table = () => database.run("INSERT INTO tables (frozenEpoch) VALUES (0)").lastId;
  const volume = (
    n: number,
    of: { role: string; kind?: string; name: string; lun?: readonly [string, number]; key?: string },
  ) => {
    const isOurs = of.role !== "plain";
    database.run(
      `INSERT INTO volumes (id, role, kind, name, sizeBytes, extentBytes, stripeCount, stripeBytes, lunTarget, lunId,
         virtualSwitches, planId, source, rebuildKey, tableId)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, ?, ?, ?)`,
      idOf("volume", n),
      of.role,
      of.kind ?? "volume",
      of.name,
      before.sizeBytes,
      ...[plain.extentBytes, plain.stripeCount, plain.stripeBytes],
      ...[of.lun?.[0] ?? null, of.lun?.[1] ?? null],
      ...[isOurs ? owner.planId : null, isOurs ? owner.source : null],
      of.key ?? null,
      table(),
    );
  };
  volume(1, { role: "plain", kind: "lun", name: "database", lun: ["iscsi", 7] });
  volume(2, { role: "plain", name: "loose" });
  volume(3, { role: "rebuilt", name: "again", key: `restore-1/${lunOfBefore.id}` });
  volume(4, { role: "mirror", kind: "lun", name: "database", lun: [`mirror.a.${owner.planId}.iscsi`, 7] });
  volume(5, { role: "mirror", name: "loose" });
  const mirror = (n: number, sourceObjectId: string, sourceVolumeId: string, sequences: readonly [number, number]) => {
    database.run(
      `INSERT INTO mirrors (volumeId, planId, source, sourceObjectId, sourceVolumeId, epoch, publishedSequence, groupId,
         baseGroupId, sequence, complete) VALUES (?, ?, ?, ?, ?, 5, ?, ?, ?, ?, 0)`,
      ...[idOf("volume", n), owner.planId, owner.source, sourceObjectId, sourceVolumeId],
      sequences[0],
      groupId(sequences[1]),
      sequences[0] === 0 ? null : groupId(sequences[0]),
      sequences[1],
    );
  };
  mirror(4, before.sourceLun, idOf("volume", 0xa1), [1, 2]);
  mirror(5, before.sourceVolume, before.sourceVolume, [0, 2]);
  for (const extent of [0, 2]) database.run("INSERT INTO doneExtents VALUES (?, ?)", idOf("volume", 4), extent);
  for (const [index, n] of [4, 5].entries()) {
    database.run(
      "INSERT INTO preparedObjects (volumeId, sequence, groupId, objectIndex, object) VALUES (?, 2, ?, ?, ?)",
      ...[idOf("volume", n), groupId(2), index, JSON.stringify({ ...lunOfBefore, name: `prepared ${n}` })],
    );
  }
  const group = (
    n: number,
    columns: { readonly manifest?: unknown; readonly objects?: unknown },
    volumes: readonly (readonly [number, string])[],
  ) => {
    const text = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
    database.run(
      "INSERT INTO snapshotGroups (id, planId, source, takenAt, sequence, manifest, objects) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[groupId(n), owner.planId, owner.source, takenAt, n, text(columns.manifest), text(columns.objects)],
    );
    for (const [of, sourceVolumeId] of volumes) {
      database.run(
        `INSERT INTO snapshots (id, groupId, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount, stripeBytes,
           tableId) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[idOf("snapshot", n * 16 + of), groupId(n), idOf("volume", of), sourceVolumeId, before.sizeBytes],
        ...[plain.extentBytes, plain.stripeCount, plain.stripeBytes, table()],
      );
    }
  };
  group(1, { manifest: manifestOfBefore }, [[4, idOf("volume", 0xa1)]]);
  const own: ObjectConfig = { ...lunOfBefore, id: before.lun, volumes: [shape(idOf("volume", 1))] };
  group(10, { objects: [own] }, [[1, idOf("volume", 1)]]);
  group(11, {}, [[2, before.volume]]);
  database.run("INSERT INTO newestSnapshots VALUES (?, ?, 11)", owner.planId, owner.source);
};
