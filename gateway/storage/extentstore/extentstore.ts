import { setImmediate } from "node:timers/promises";
import type { Space } from "../../../core/api/deletion/space.ts";
import type { VisibleError } from "../../../core/api/errors.ts";
import type { Facilities } from "../../../core/api/facilities.ts";
import type { GroupId, Instant } from "../../../core/api/ids.ts";
import type { Manifest } from "../../../core/api/manifest.ts";
import { objectKindSchema } from "../../../core/api/object/common.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildWay } from "../../../core/api/restore/way.ts";
import type { Time } from "../../time/time.ts";
import type { ClusterAdministration } from "../administration.ts";
import type { StorageCall } from "../call.ts";
import type {
  DeleteRebuiltOptions,
  ForeignGroup,
  GroupDamage,
  LastSequence,
  ListedGroup,
  MirrorSession,
  MirrorVolume,
  ObjectId,
  OpenMirrorOptions,
  OwnedVolume,
  Owner,
  PrepareMirrorOptions,
  PublishGroupOptions,
  RebuildObjectOptions,
  SnapshotGroup,
  SnapshotGroupOptions,
  SpaceOptions,
  StandIn,
  StandInsOptions,
  StorageCaps,
  WantedSnapshot,
} from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import type { ChangesSinceOptions, ObjectChanges, RollbackOptions, RolledBack } from "../rollback.ts";
import type {
  CreateVolumeOptions,
  ExtentDigest,
  MirrorExtentWriter,
  SnapshotHandle,
  SnapshotReader,
  SnapshotShape,
  StagedVolume,
  StageVolumeOptions,
  VolumeHandle,
} from "../volume-io.ts";
import { StoreAdministration } from "./administration/administration.ts";
import { deleteRebuilt } from "./administration/delete-rebuilt.ts";
import { setPower } from "./administration/power.ts";
import { foreignManifest, listForeignGroups } from "./cluster/foreign-groups.ts";
import { groupDamage } from "./cluster/group-damage.ts";
import * as objects from "./cluster/objects.ts";
import { listPools } from "./cluster/pools.ts";
import * as snapshots from "./cluster/snapshots.ts";
import { standIns } from "./cluster/stand-ins.ts";
import { listSwitches } from "./cluster/switches.ts";
import { refuseUnfinished } from "./cluster/unfinished.ts";
import type { VolumeRow } from "./cluster/volume-row.ts";
import * as volumes from "./cluster/volumes.ts";
import { closeStore, openStore, type Store, type StoreOptions } from "./data/store.ts";
import { StoredSnapshotReader, VolumeReader } from "./io/readers.ts";
import { StagedVolumeWriter } from "./io/staged-writer.ts";
import { beginStaging } from "./io/staging.ts";
import { VolumeWriter } from "./io/volume-writer.ts";
import { abortGroup, isAborted } from "./mirrors/aborted.ts";
import { findMirrorVolume } from "./mirrors/mirror-volumes.ts";
import { StoredExtentWriter } from "./mirrors/mirror-writer.ts";
import { prepareMirror } from "./mirrors/prepare.ts";
import { releaseMirrors } from "./mirrors/release.ts";
import * as sessions from "./mirrors/sessions.ts";
import { dropStaged } from "./mirrors/staged.ts";
import { rebuildObstacles } from "./rebuild/look.ts";
import { rebuildObject } from "./rebuild/rebuild.ts";
import { changesSince } from "./rollback/changes.ts";
import { rollbackBySwap, rollbackInPlace, undoRollback, unfinishedRollbacks } from "./rollback/rollback.ts";
import { collect } from "./space/collect.ts";
import { spaceOf } from "./space/given-back.ts";
import { recheckDamage } from "./space/recheck.ts";
import { tend } from "./space/tend.ts";

const kinds = objectKindSchema.options;

export interface ExtentStoreOptions extends StoreOptions {
  /** For tests: false, to roll back in place, as clusters do that have no swap. */
  readonly swaps?: boolean;
}

/**
 * A folder on a local disk as a storage cluster: thin volumes, atomic group snapshots, sessions.
 * Every call is one transaction of its metadata; reads, writes and compression run on the calling
 * thread. So nothing can stop most calls on their way, and a disk that hangs holds the whole
 * thread; what collects is stopped between two data files.
 */
export class ExtentStore implements StorageDriver {
  readonly kind = "extentstore";
  readonly administration: ClusterAdministration;
  readonly #store: Store;
  readonly #swaps: boolean;

  private constructor(store: Store, { swaps = true }: ExtentStoreOptions) {
    this.#store = store;
    this.#swaps = swaps;
    this.administration = new StoreAdministration(store);
  }

  /**
   * Opens the store in a folder, making it where there is none, takes back what processes that died
   * were holding, and looks whether what was damaged is still.
   * @throws STORE_IN_USE, STORE_TOO_NEW, STORE_CORRUPT, STORE_FULL, DISK_FAILED
   */
  static async open(dir: string, options: ExtentStoreOptions & StorageCall = {}): Promise<ExtentStore> {
    const store = openStore(dir, options);
    try {
      recheckDamage(store);
      await collect(store, { ...options, compact: false });
      return new ExtentStore(store, options);
    } catch (error) {
      closeStore(store);
      throw error;
    }
  }

  async caps(): Promise<StorageCaps> {
    return {
      kinds,
      groupSkewMicroseconds: 0,
      extentMap: true,
      chosenLunId: true,
      atomicExtents: true,
      swap: this.#swaps,
    };
  }

  async facilities(): Promise<Facilities> {
    const { database } = this.#store;
    return database.snapshot(() => ({
      kinds: [...kinds],
      pools: listPools(database),
      switches: listSwitches(database),
    }));
  }

  async inventory(): Promise<readonly ObjectConfig[]> {
    const { database } = this.#store;
    return database.snapshot(() => objects.listObjects(database));
  }

  async findObjects(ids: readonly ObjectId[]): Promise<readonly ObjectConfig[]> {
    const { database } = this.#store;
    return database.snapshot(() => objects.findObjects(database, ids));
  }

  async findMirrorVolume(mirrorVolumeId: string): Promise<OwnedVolume | undefined> {
    const { database } = this.#store;
    return database.snapshot(() => findMirrorVolume(database, mirrorVolumeId));
  }

  async createVolume(options: CreateVolumeOptions): Promise<ObjectConfig> {
    return this.#transaction((database) => objects.objectOfVolume(database, volumes.createVolume(database, options)));
  }

  async openVolume(volumeId: string, mode: "read" | "write"): Promise<VolumeHandle> {
    const { database, writer } = this.#store;
    if (mode === "read")
      return new VolumeReader(
        this.#store,
        database.snapshot(() => this.#readable(volumeId)),
      );
    const volume = this.#transaction(() => volumes.claimVolume(database, writer, volumeId));
    return new VolumeWriter(this.#store, volume);
  }

  async stageVolume(options: StageVolumeOptions): Promise<StagedVolume> {
    const { writer } = this.#store;
    const staging = this.#transaction((database) => beginStaging(database, writer, options));
    return new StagedVolumeWriter(this.#store, staging);
  }

  async renameVolume(volumeId: string, name: string): Promise<ObjectConfig> {
    return this.#transaction((database) =>
      objects.objectOfVolume(database, volumes.renameVolume(database, volumeId, name)),
    );
  }

  async deleteVolume(volumeId: string, call?: StorageCall): Promise<void> {
    this.#transaction((database) => volumes.deleteVolume(database, this.#store.writer, volumeId));
    await collect(this.#store, { compact: true, ...call });
  }

  async snapshotGroup(options: SnapshotGroupOptions): Promise<SnapshotGroup> {
    return this.#transaction((database) =>
      snapshots.snapshotGroup(database, { ...options, takenAt: new Date().toISOString() as Instant }),
    );
  }

  async findGroup(groupId: GroupId): Promise<SnapshotGroup | undefined> {
    const { database } = this.#store;
    return database.snapshot(() => snapshots.findGroup(database, groupId));
  }

  async newestSourceGroup(owner: Owner): Promise<SnapshotGroup | undefined> {
    const { database } = this.#store;
    return database.snapshot(() => snapshots.newestSourceGroup(database, owner));
  }

  async lastSequences(options: {
    readonly owner: Owner;
    readonly objects: readonly ObjectId[];
  }): Promise<readonly LastSequence[]> {
    const { database } = this.#store;
    return database.snapshot(() => snapshots.lastSequences(database, options.owner, options.objects));
  }

  async standIns(of: StandInsOptions): Promise<readonly StandIn[]> {
    const { database } = this.#store;
    return database.snapshot(() => standIns(database, of));
  }

  async listGroups(owner: Owner): Promise<readonly ListedGroup[]> {
    return snapshots.listGroups(this.#store.database, owner);
  }

  async deleteGroup(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void> {
    this.#transaction((database) => snapshots.deleteGroup(database, options.groupId, options.owner));
    await collect(this.#store, { compact: true, ...call });
  }

  async releaseMirrors(
    options: { readonly owner: Owner; readonly sequence: number },
    call?: StorageCall,
  ): Promise<void> {
    this.#transaction((database) => releaseMirrors(database, options));
    await collect(this.#store, { compact: true, ...call });
  }

  async spaceOf(options: SpaceOptions, call?: StorageCall): Promise<Space> {
    return spaceOf(this.#store, options, call);
  }

  /** Snapshots can be read as they are. */
  async snapshotShape(wanted: WantedSnapshot): Promise<SnapshotShape> {
    const { database } = this.#store;
    return database.snapshot(() => snapshots.shapeOfSnapshot(snapshots.findWantedSnapshot(database, wanted)));
  }

  openSnapshot(wanted: WantedSnapshot): Promise<SnapshotHandle> {
    return this.snapshotShape(wanted);
  }

  async readSnapshot({ snapshotId }: SnapshotHandle): Promise<SnapshotReader> {
    return new StoredSnapshotReader(this.#store, snapshots.findSnapshot(this.#store.database, snapshotId));
  }

  async closeSnapshot(): Promise<void> {
    return;
  }

  async prepareMirror(options: PrepareMirrorOptions): Promise<readonly MirrorVolume[]> {
    return this.#transaction((database) => prepareMirror(database, options));
  }

  async openMirror(options: OpenMirrorOptions): Promise<MirrorSession> {
    return this.#transaction((database) => sessions.openMirror(database, options));
  }

  async openMirrorExtent(options: {
    readonly mirrorVolumeId: string;
    readonly epoch: number;
    readonly extent: number;
    readonly from?: "base" | "zeros";
  }): Promise<MirrorExtentWriter> {
    const { database } = this.#store;
    const mirror = database.snapshot(() => sessions.mirrorForWriting(database, options.mirrorVolumeId, options.epoch));
    return new StoredExtentWriter(this.#store, { ...options, mirror });
  }

  async mirrorDigests(options: {
    readonly mirrorVolumeId: string;
    readonly epoch: number;
  }): Promise<readonly ExtentDigest[]> {
    const { database } = this.#store;
    const all: ExtentDigest[] = [];
    for (;;) {
      const { digests, isLast } = database.snapshot(() => sessions.mirrorDigests(database, options, all.length));
      for (const digest of digests) all.push(digest);
      if (isLast) return all;
      await setImmediate();
    }
  }

  async completeMirror(options: { readonly mirrorVolumeId: string; readonly epoch: number }): Promise<void> {
    this.#transaction((database) => sessions.completeMirror(database, options.mirrorVolumeId, options.epoch));
  }

  async abortGroup(options: { readonly groupId: GroupId; readonly owner: Owner }): Promise<void> {
    this.#transaction((database) => abortGroup(database, options.groupId, options.owner));
  }

  async dropStaged(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void> {
    this.#transaction((database) => dropStaged(database, options.groupId, options.owner));
    await collect(this.#store, { compact: true, ...call });
  }

  async isAborted(options: { readonly groupId: GroupId; readonly owner: Owner }): Promise<boolean> {
    return isAborted(this.#store.database, options.groupId, options.owner);
  }

  async publishGroup(options: PublishGroupOptions): Promise<SnapshotGroup> {
    return this.#transaction((database) => sessions.publishGroup(database, options));
  }

  async manifests(): Promise<
    readonly { readonly groupId: GroupId; readonly owner: Owner; readonly manifest: Manifest }[]
  > {
    return snapshots.listManifests(this.#store.database);
  }

  async foreignGroups(): Promise<readonly ForeignGroup[]> {
    const { database } = this.#store;
    return database.snapshot(() => listForeignGroups(database));
  }

  async foreignManifest(groupId: GroupId): Promise<string | undefined> {
    return foreignManifest(this.#store.database, groupId);
  }

  async objectOfGroup(of: { readonly groupId: GroupId; readonly object: ObjectId }): Promise<ObjectConfig | undefined> {
    return snapshots.objectOfGroup(this.#store.database, of.groupId, of.object);
  }

  async rebuildObject(options: RebuildObjectOptions): Promise<ObjectConfig> {
    return this.#transaction((database) => rebuildObject(database, options));
  }

  async rebuildObstacles(options: RebuildObjectOptions): Promise<readonly VisibleError[]> {
    const { database } = this.#store;
    return database.snapshot(() => rebuildObstacles(database, options));
  }

  /** They share their content with what there is. */
  async rebuildWays(objects: readonly ObjectConfig[]): Promise<readonly RebuildWay[]> {
    return objects.map(() => ({ how: "snapshot", seconds: 0 }));
  }

  async deleteRebuilt(options: DeleteRebuiltOptions, call?: StorageCall): Promise<void> {
    const { writer } = this.#store;
    this.#transaction((database) => deleteRebuilt({ database, writer }, options));
    await collect(this.#store, { compact: true, ...call });
  }

  async changesSince(of: ChangesSinceOptions): Promise<readonly ObjectChanges[]> {
    return this.#store.database.snapshot(() => changesSince(this.#store, of));
  }

  async powerOff(object: ObjectId): Promise<void> {
    this.#transaction((database) => setPower(database, object, "off"));
  }

  async powerOn(object: ObjectId): Promise<void> {
    this.#transaction((database) => setPower(database, object, "on"));
  }

  async rollback(options: RollbackOptions, call?: StorageCall): Promise<readonly RolledBack[]> {
    const told = this.#swaps ? rollbackBySwap(this.#store, options) : await rollbackInPlace(this.#store, options, call);
    await collect(this.#store, { compact: true, ...call });
    return told;
  }

  async undoRollback(
    of: { readonly key: GroupId; readonly owner: Owner },
    call?: StorageCall,
  ): Promise<{ readonly wasDone: boolean }> {
    return undoRollback(this.#store, of, call);
  }

  async unfinishedRollbacks(objects: readonly ObjectId[]): ReturnType<StorageDriver["unfinishedRollbacks"]> {
    const { database } = this.#store;
    return database.snapshot(() => unfinishedRollbacks(database, objects));
  }

  async damage(): Promise<readonly GroupDamage[]> {
    const { database } = this.#store;
    return database.snapshot(() => groupDamage(database));
  }

  async tend(options: { readonly time: Time }, call?: StorageCall): Promise<void> {
    await tend(this.#store, { ...options, ...call });
  }

  async close(): Promise<void> {
    closeStore(this.#store);
  }

  /** @throws VOLUME_UNKNOWN, ROLLBACK_UNFINISHED */
  #readable(volumeId: string): VolumeRow {
    const { database } = this.#store;
    const volume = volumes.findVolume(database, volumeId);
    refuseUnfinished(database, volume);
    return volume;
  }

  #transaction<Result>(work: (database: Store["database"]) => Result): Result {
    const { database } = this.#store;
    return database.transaction(() => work(database));
  }
}
