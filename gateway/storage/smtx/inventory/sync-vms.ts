import {
  deleteVmRow,
  insertVm,
  type NewDisk,
  setDisks,
  setNics,
  updateVm,
  type VmDiskRow,
  type VmNicRow,
  type VmRow,
} from "../../extentstore/cluster/vms.ts";
import { labelsText } from "../../extentstore/cluster/volumes.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { isRebuild } from "../names.ts";
import type { FoundCluster, FoundVm } from "./found.ts";
import { freeNames } from "./free-names.ts";

/** Inside a transaction, when the volumes are there. */
export const syncVms = (database: Database, found: FoundCluster): void => {
  const made = new Map(
    database
      .all<{ vmId: string; localId: string }>("SELECT vmId, localId FROM vmsOnCluster")
      .map(({ vmId, localId }) => [localId, vmId]),
  );
  const before = new Map(database.all<VmRow>("SELECT * FROM vms WHERE role <> 'mirror'").map((row) => [row.id, row]));
  const wanted = found.vms.flatMap((vm) => {
    const id = made.get(vm.id) ?? `vm-${vm.id}`;
    if (!isRebuild(vm.name)) return [{ vm, id }];
    const row = before.get(id);
    return row === undefined ? [] : [{ vm: { ...vm, name: row.name }, id }];
  });
  const there = new Set(wanted.map(({ id }) => id));
  for (const row of before.values()) if (!there.has(row.id)) forget(database, row);
  const names = freeNames(wanted.map(({ vm, id }) => ({ id, name: vm.name })));
  const volumes = volumeIds(database, found);
  const changed = wanted.filter(({ vm, id }) => isChanged(vm, names.get(id) ?? id, before.get(id)));
  for (const { id } of changed) if (before.has(id)) database.run("UPDATE vms SET name = id WHERE id = ?", id);
  for (const { vm, id } of changed) {
    const now = { name: names.get(id) ?? id, config: vm.config };
    if (before.has(id)) updateVm(database, id, now);
    else insertNamed(database, id, now);
    database.run("UPDATE vms SET labels = ? WHERE id = ?", labelsText(vm.labels), id);
    database.run("INSERT OR REPLACE INTO vmsOnCluster VALUES (?, ?, ?)", id, vm.tower, vm.id);
  }
  for (const { vm, id } of wanted) syncParts(database, id, vm, volumes);
};

/** Those that have rows, by the ids that the cluster has for them. */
const volumeIds = (database: Database, { volumes }: FoundCluster): ReadonlyMap<string, string> => {
  const rows = database.all<{ volumeId: string; vmVolume: string }>(
    "SELECT volumeId, vmVolume FROM lunsOfVolumes WHERE vmVolume IS NOT NULL",
  );
  const byTower = new Map(rows.map(({ volumeId, vmVolume }) => [vmVolume, volumeId]));
  const there = new Set(database.all<{ id: string }>("SELECT id FROM volumes").map(({ id }) => id));
  const ids = volumes.map(({ id, tower }) => [id, byTower.get(tower) ?? `volume-${id}`] as const);
  return new Map(ids.filter(([, volumeId]) => there.has(volumeId)));
};

const insertNamed = (database: Database, id: string, now: { name: string; config: FoundVm["config"] }): void => {
  const row = insertVm(database, { role: "plain", ...now });
  database.run("UPDATE vms SET id = ? WHERE id = ?", id, row.id);
};

const isChanged = ({ config, labels }: FoundVm, name: string, row: VmRow | undefined): boolean =>
  row === undefined ||
  row.name !== name ||
  row.labels !== labelsText(labels) ||
  row.description !== (config.description ?? null) ||
  row.vcpu !== config.vcpu ||
  row.cores !== config.cpu.cores ||
  row.sockets !== config.cpu.sockets ||
  row.memoryBytes !== config.memory ||
  row.firmware !== config.firmware ||
  row.ha !== (config.ha ? 1 : 0) ||
  row.status !== config.status;

/**
 * Disks that refer to what CloudTower does not list are left out. The places that disks have, and
 * the VLAN of a NIC that is connected to none, it does not tell: what is known of them stays.
 */
const syncParts = (database: Database, vmId: string, vm: FoundVm, volumes: ReadonlyMap<string, string>): void => {
  const disks = vm.disks
    .flatMap(({ position, volume, cdRom, bus, boot }): NewDisk[] => {
      const volumeId = volume === undefined ? null : (volumes.get(volume) ?? null);
      if (volumeId === null && cdRom === undefined) return [];
      return [{ position, volumeId, cdRom: volumeId === null ? (cdRom ?? null) : null, bus, boot }];
    })
    .toSorted((a, b) => a.position - b.position);
  const disksNow = database.all<VmDiskRow>("SELECT * FROM vmDisks WHERE vmId = ? ORDER BY position", vmId);
  if (!isSameOrder(disksNow, disks)) setDisks(database, vmId, disks);
  const rows = database.all<VmNicRow>("SELECT * FROM vmNics WHERE vmId = ? ORDER BY position", vmId);
  const known = new Map(rows.map((row) => [row.macAddress, row]));
  const nics = vm.nics.map((nic) => withKnownVlan(nic, known.get(nic.macAddress)));
  const same = rows.length === nics.length && rows.every((row, index) => isSameNic(row, nics[index]));
  if (!same) setNics(database, vmId, nics);
};

const isSameOrder = (now: readonly VmDiskRow[], found: readonly NewDisk[]): boolean =>
  now.length === found.length &&
  now.every((row, index) => {
    const other = found[index];
    return (
      row.volumeId === other?.volumeId && row.cdRom === other.cdRom && row.bus === other.bus && row.boot === other.boot
    );
  });

type FoundNic = FoundVm["nics"][number];

const withKnownVlan = (nic: FoundNic, row: VmNicRow | undefined): FoundNic =>
  nic.virtualSwitch !== null || row === undefined
    ? nic
    : { ...nic, vlan: { ...(row.vlanName !== null && { name: row.vlanName }), vlanId: row.vlanId } };

const isSameNic = (row: VmNicRow, nic: FoundVm["nics"][number] | undefined): boolean =>
  nic !== undefined &&
  row.macAddress === nic.macAddress &&
  row.model === nic.model &&
  row.switch === nic.virtualSwitch &&
  row.vlanName === (nic.vlan.name ?? null) &&
  row.vlanId === nic.vlan.vlanId &&
  row.enabled === (nic.enabled ? 1 : 0) &&
  row.ipAddress === (nic.ipAddress ?? null) &&
  row.gateway === (nic.gateway ?? null) &&
  row.subnetMask === (nic.subnetMask ?? null);

const forget = (database: Database, { id, rebuildKey }: VmRow): void => {
  // A late copy of the task that rebuilt it must not make it again.
  if (rebuildKey !== null) database.run("INSERT OR IGNORE INTO deletedRebuilds (key) VALUES (?)", rebuildKey);
  database.run("DELETE FROM vmsOnCluster WHERE vmId = ?", id);
  deleteVmRow(database, id);
};
