import { EntityTable, type FakeCluster, type FakeEntity, type FakeLabel } from "./entities/entity.ts";
import type { FakeDataStore, FakeHost, FakeStoragePolicy } from "./entities/hosts.ts";
import type { FakeGroup, FakeGroupSnapshot, FakeLun, FakeLunSnapshot, FakeTarget } from "./entities/iscsi.ts";
import type { FakeVds, FakeVlan } from "./entities/networks.ts";
import type { FakeNfsExport, FakeNfsInode } from "./entities/nfs.ts";
import type { FakeVm, FakeVmFolder, FakeVmSnapshot, FakeVmVolume, FakeVmVolumeSnapshot } from "./entities/vms.ts";
import { type FakeWhere, matches } from "./query.ts";
import { FakeRefusal } from "./refusal.ts";
import { FakeTasks } from "./tasks.ts";

/** All that one CloudTower knows of its clusters. */
export class FakeModel {
  readonly clusters: EntityTable<FakeCluster> = new EntityTable();
  readonly targets: EntityTable<FakeTarget> = new EntityTable();
  readonly luns: EntityTable<FakeLun> = new EntityTable();
  readonly lunSnapshots: EntityTable<FakeLunSnapshot> = new EntityTable();
  readonly groups: EntityTable<FakeGroup> = new EntityTable();
  readonly groupSnapshots: EntityTable<FakeGroupSnapshot> = new EntityTable();
  readonly labels: EntityTable<FakeLabel> = new EntityTable();
  readonly vms: EntityTable<FakeVm> = new EntityTable();
  readonly vmSnapshots: EntityTable<FakeVmSnapshot> = new EntityTable();
  readonly vmVolumes: EntityTable<FakeVmVolume> = new EntityTable();
  readonly vmVolumeSnapshots: EntityTable<FakeVmVolumeSnapshot> = new EntityTable();
  readonly vmFolders: EntityTable<FakeVmFolder> = new EntityTable();
  readonly vdses: EntityTable<FakeVds> = new EntityTable();
  readonly vlans: EntityTable<FakeVlan> = new EntityTable();
  readonly nfsExports: EntityTable<FakeNfsExport> = new EntityTable();
  readonly nfsInodes: EntityTable<FakeNfsInode> = new EntityTable();
  readonly hosts: EntityTable<FakeHost> = new EntityTable();
  readonly dataStores: EntityTable<FakeDataStore> = new EntityTable();
  readonly storagePolicies: EntityTable<FakeStoragePolicy> = new EntityTable();
  readonly tasks: FakeTasks = new FakeTasks();
}

/** @throws FakeRefusal 404 */
export const need = <T extends { readonly id: string }>(table: EntityTable<T>, id: string): T => {
  const found = table.find(id);
  if (found === undefined) throw new FakeRefusal(404, `there is no ${id}`);
  return found;
};

/** What a change is for: at least one, as CloudTower has it. @throws FakeRefusal 404 */
export const chosen = <T extends FakeEntity>(table: EntityTable<T>, where: FakeWhere): readonly T[] => {
  const found = table.all().filter((entity) => matches(entity, where));
  if (found.length === 0) throw new FakeRefusal(404, `nothing is like ${JSON.stringify(where)}`);
  return found;
};

/** Bytes of what CloudTower takes with a unit; bytes where there is none. */
export const bytesOf = (size: number, unit: string | null | undefined): number =>
  size * 1000 ** Math.max(0, ["B", "KB", "MB", "GB", "TB", "PB"].indexOf(unit ?? "B"));
