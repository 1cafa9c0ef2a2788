import type { ObjectConfig } from "../../../../core/api/object.ts";
import { mappedTo } from "../../../../core/object/switches.ts";
import type { RolledBack } from "../../rollback.ts";
import { disksOf as disksNow, type HadDisk } from "../administration/disks.ts";
import { newMacAddress, vmWithMacAddress } from "../cluster/mac-addresses.ts";
import { refuseFullPool } from "../cluster/pools.ts";
import { keptMapping, type SnapshotRow } from "../cluster/snapshots.ts";
import { type NewDisk, setDisks, setNics, updateVm, type VmNicRow, type VmRow } from "../cluster/vms.ts";
import { geometryOf, objectIdOf } from "../cluster/volume-row.ts";
import { freeVolumeName, insertVolume } from "../cluster/volumes.ts";
import { copyTable, dropTable, fillTable } from "../data/versions.ts";
import type { Database } from "../database/database.ts";
import { disksOf, nicsOf } from "../mirrors/mirror-vms.ts";
import { findLive, type Then } from "./now-and-then.ts";
import type { Planned, PlannedObject, PlannedVolume } from "./plan.ts";

/* Objects become what was planned. Everything here runs inside the caller's transaction. */

/** In one instant: each volume gets the extents that its snapshot has. @throws POOL_FULL */
export const swapAll = (database: Database, planned: Planned): readonly RolledBack[] => {
  for (const volume of planned.volumes.values()) swapVolume(database, volume);
  return shapeAll(database, planned);
};

const swapVolume = (database: Database, { live, snapshot }: PlannedVolume): void => {
  if (live === undefined) return;
  const tableId = copyTable(database, snapshot.tableId);
  database.run("UPDATE volumes SET tableId = ? WHERE id = ?", tableId, live.id);
  dropTable(database, live.tableId);
};

/** Sizes, disks, NICs and resources, and disks that were deleted; not what is in the others. */
export const shapeAll = (database: Database, planned: Planned): readonly RolledBack[] => {
  for (const { live, snapshot } of planned.volumes.values()) {
    if (live === undefined || live.sizeBytes === snapshot.sizeBytes) continue;
    database.run("UPDATE volumes SET sizeBytes = ? WHERE id = ?", snapshot.sizeBytes, live.id);
    if (snapshot.sizeBytes > live.sizeBytes) refuseFullPool(database, live.pool, `“${live.name}”`);
  }
  return planned.objects.map((object) => {
    const { now, lostExtents } = object;
    if (now.kind === "vm") return { ...vmBecomes(database, now.vm, object), lostExtents };
    const { volume } = now;
    return { kind: now.kind, id: objectIdOf(volume), name: volume.name, takenOut: [], cameBack: [], lostExtents };
  });
};

type VmObject = ObjectConfig & { kind: "vm" };

const vmBecomes = (database: Database, vm: VmRow, { then }: PlannedObject): Omit<RolledBack, "lostExtents"> => {
  const object = then.object as VmObject;
  const { disks: _, nics: __, ...resources } = object.vm;
  updateVm(database, vm.id, { name: vm.name, config: { ...resources, status: vm.status } });
  const cameBack = [...then.snapshots].flatMap(([volumeId, snapshot]) => {
    if (findLive(database, volumeId) !== undefined) return [];
    return [makeAgain(database, { vm, object, volumeId, snapshot })];
  });
  const takenOut = placeDisks(database, vm, object);
  setNicsOf(database, vm, then.homeId === undefined ? object : connectedHere(database, vm, then, object));
  return { kind: "vm", id: vm.id, name: vm.name, takenOut, cameBack };
};

/** A disk that was deleted, with the id that it had. @returns its name */
const makeAgain = (
  database: Database,
  of: { readonly vm: VmRow; readonly object: VmObject; readonly volumeId: string; readonly snapshot: SnapshotRow },
): string => {
  const { vm, object, volumeId, snapshot } = of;
  const disk = object.vm.disks.find((one) => one.volumeId === volumeId);
  const name = freeVolumeName(database, disk?.name ?? object.name);
  const { sizeBytes, tableId: fromTableId } = snapshot;
  const shape = { kind: "volume", name, sizeBytes, geometry: geometryOf(snapshot) } as const;
  const made = insertVolume(database, { id: volumeId, role: "plain", ...shape, vmId: vm.id });
  fillTable(database, { tableId: made.tableId, fromTableId });
  refuseFullPool(database, made.pool, `“${name}”`);
  return name;
};

/**
 * The group's disks, each in its place; what no group has of a VM, its CD-ROMs and shared volumes,
 * stays as it is now. @returns the names of those that the VM has no more
 */
const placeDisks = (database: Database, vm: VmRow, object: VmObject): readonly string[] => {
  const then = disksOf(object, new Map(object.volumes.map(({ id }) => [id, id])));
  const now = disksNow(database, vm);
  const taken = new Set(then.map(({ position }) => position));
  const stays = new Set(then.map(({ volumeId }) => volumeId));
  const kept = now.filter(({ volume }) => volume === null || (volume.sharing === 1 && !stays.has(volume.id)));
  setDisks(database, vm.id, [...then, ...kept.map((disk) => inFreePlace(disk, taken))]);
  const out = now.flatMap(({ volume }) => (volume === null || volume.sharing === 1 ? [] : [volume]));
  const takenOut = out.filter(({ id }) => !stays.has(id));
  for (const { id } of takenOut) database.run("UPDATE volumes SET vmId = NULL WHERE id = ?", id);
  return takenOut.map(({ name }) => name);
};

const inFreePlace = ({ volume: _, ...disk }: HadDisk, taken: Set<number>): NewDisk => {
  let { position } = disk;
  while (taken.has(position)) position++;
  taken.add(position);
  return { ...disk, position };
};

/**
 * A VM that stands for another cluster's, whose group names the switches of that one: each NIC
 * stays where it is now, and one that it has no more is where the group says that it was here.
 */
const connectedHere = (database: Database, vm: VmRow, { snapshots, homeId }: Then, object: VmObject): VmObject => {
  const rows = database.all<VmNicRow>("SELECT * FROM vmNics WHERE vmId = ?", vm.id);
  const now = new Map(rows.map((nic) => [nic.macAddress, nic.switch]));
  const [first] = snapshots.values();
  const kept = first && keptMapping(database, first.groupId, { kind: "vm", id: homeId ?? object.id }).mapping;
  const mapped = (name: string | null) => (name === null ? null : (mappedTo(kept?.switches ?? {}, name) ?? null));
  const nics = object.vm.nics.map((nic) => {
    const virtualSwitch = now.has(nic.macAddress) ? (now.get(nic.macAddress) ?? null) : mapped(nic.virtualSwitch);
    return { ...nic, virtualSwitch };
  });
  return { ...object, vm: { ...object.vm, nics } };
};

/** A switch that is not there any more is none; an address that another VM has got is a new one. */
const setNicsOf = (database: Database, vm: VmRow, object: VmObject): void => {
  setNics(database, vm.id, []);
  const there = (name: string) =>
    database.one("SELECT 1 FROM switches WHERE name = ?", name) === undefined ? null : name;
  if (object.vm.nics.length === 0) return;
  const free = (macAddress: string) =>
    vmWithMacAddress(database, macAddress) === undefined ? macAddress : newMacAddress(database);
  const connected = nicsOf(object, there);
  setNics(
    database,
    vm.id,
    connected.map((nic) => ({ ...nic, macAddress: free(nic.macAddress) })),
  );
};
