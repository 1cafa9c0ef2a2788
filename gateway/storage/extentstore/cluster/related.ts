import type { Database } from "../database/database.ts";
import type { VmDiskRow, VmNicRow } from "./vms.ts";
import type { VolumeRow } from "./volume-row.ts";

type DiskVolume = Pick<
  VolumeRow,
  "id" | "name" | "sizeBytes" | "extentBytes" | "stripeCount" | "stripeBytes" | "sharing" | "vmId"
>;

/** A disk of a VM; `volume` is null of a CD-ROM. */
export interface DiskWithVolume extends VmDiskRow {
  readonly volume: DiskVolume | null;
}

/** What rows of objects refer to. */
export interface Related {
  /** The names of the VMs that have a volume. */
  vmsOf(volumeId: string): readonly string[];
  disksOf(vmId: string): readonly DiskWithVolume[];
  nicsOf(vmId: string): readonly VmNicRow[];
  /** Of a foreign plan, where it is known. */
  planName(planId: string, source: string): string | undefined;
  /** JSON. */
  targetSettings(target: string): string | undefined;
  exportSettings(name: string): string | undefined;
}

const disks = `SELECT d.*, v.name, v.sizeBytes, v.extentBytes, v.stripeCount, v.stripeBytes, v.sharing, v.vmId AS madeWith
  FROM vmDisks d LEFT JOIN volumes v ON v.id = d.volumeId`;

type JoinedDisk = VmDiskRow & Omit<DiskVolume, "id" | "vmId"> & { readonly madeWith: string | null };

const diskOf = (row: JoinedDisk): DiskWithVolume => {
  const { vmId, position, volumeId, cdRom, bus, boot, madeWith, ...volume } = row;
  return {
    ...{ vmId, position, volumeId, cdRom, bus, boot },
    volume: volumeId === null ? null : { ...volume, id: volumeId, vmId: madeWith },
  };
};

/** Each looked up when it is asked for, by an index. */
export const relatedOf = (database: Database): Related => ({
  vmsOf: (volumeId) =>
    database
      .all<{ name: string }>(
        "SELECT name FROM vmDisks JOIN vms ON id = vmId WHERE volumeId = ? GROUP BY id ORDER BY number",
        volumeId,
      )
      .map(({ name }) => name),
  disksOf: (vmId) => database.all<JoinedDisk>(`${disks} WHERE d.vmId = ? ORDER BY position`, vmId).map(diskOf),
  nicsOf: (vmId) => database.all<VmNicRow>("SELECT * FROM vmNics WHERE vmId = ? ORDER BY position", vmId),
  planName: (planId, source) =>
    database.one<{ planName: string }>(
      "SELECT planName FROM foreignPlans WHERE planId = ? AND source = ?",
      planId,
      source,
    )?.planName,
  targetSettings: (target) =>
    database.one<{ settings: string }>("SELECT settings FROM iscsiTargets WHERE name = ?", target)?.settings,
  exportSettings: (name) =>
    database.one<{ settings: string }>("SELECT settings FROM exports WHERE name = ?", name)?.settings,
});

/** Everything read at once, in a few statements: for whoever reads all objects. */
export const relatedOfAll = (database: Database): Related => {
  const vms = Map.groupBy(
    database.all<{ volumeId: string; name: string }>(
      "SELECT DISTINCT volumeId, number, name FROM vmDisks JOIN vms ON id = vmId WHERE volumeId IS NOT NULL ORDER BY number",
    ),
    ({ volumeId }) => volumeId,
  );
  const disksByVm = Map.groupBy(
    database.all<JoinedDisk>(`${disks} ORDER BY d.vmId, position`).map(diskOf),
    ({ vmId }) => vmId,
  );
  const nics = Map.groupBy(database.all<VmNicRow>("SELECT * FROM vmNics ORDER BY vmId, position"), ({ vmId }) => vmId);
  const plans = texts(database, "SELECT planId || '/' || source AS key, planName AS value FROM foreignPlans");
  const targets = texts(database, "SELECT name AS key, settings AS value FROM iscsiTargets");
  const exports = texts(database, "SELECT name AS key, settings AS value FROM exports");
  return {
    vmsOf: (volumeId) => vms.get(volumeId)?.map(({ name }) => name) ?? [],
    disksOf: (vmId) => disksByVm.get(vmId) ?? [],
    nicsOf: (vmId) => nics.get(vmId) ?? [],
    planName: (planId, source) => plans.get(`${planId}/${source}`),
    targetSettings: (target) => targets.get(target),
    exportSettings: (name) => exports.get(name),
  };
};

const texts = (database: Database, sql: string): ReadonlyMap<string, string> =>
  new Map(database.all<{ key: string; value: string }>(sql).map(({ key, value }) => [key, value]));
