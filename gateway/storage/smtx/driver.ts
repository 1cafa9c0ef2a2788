import type { Space } from "../../../core/api/deletion/space.ts";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Facilities } from "../../../core/api/facilities.ts";
import type { GroupId } from "../../../core/api/ids.ts";
import type { ObjectKind } from "../../../core/api/object/common.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildWay } from "../../../core/api/restore/way.ts";
import type { StorageCall } from "../call.ts";
import type {
  DeleteRebuiltOptions,
  ObjectId,
  OpenMirrorOptions,
  Owner,
  PrepareMirrorOptions,
  PublishGroupOptions,
  RebuildObjectOptions,
  SnapshotGroupOptions,
  SpaceOptions,
  StandInsOptions,
  StorageCaps,
  WantedSnapshot,
} from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import { foreignManifest, listForeignGroups } from "../extentstore/cluster/foreign-groups.ts";
import * as objects from "../extentstore/cluster/objects.ts";
import { listPools } from "../extentstore/cluster/pools.ts";
import * as snapshots from "../extentstore/cluster/snapshots.ts";
import { findWantedSnapshot, shapeOfSnapshot } from "../extentstore/cluster/snapshots.ts";
import { standIns } from "../extentstore/cluster/stand-ins.ts";
import { listSwitches } from "../extentstore/cluster/switches.ts";
import { abortGroup, isAborted } from "../extentstore/mirrors/aborted.ts";
import { findMirrorVolume } from "../extentstore/mirrors/mirror-volumes.ts";
import { releaseMirrors } from "../extentstore/mirrors/release.ts";
import { completeMirror, mirrorDigests } from "../extentstore/mirrors/sessions.ts";
import { dropStaged } from "../extentstore/mirrors/staged.ts";
import { unfinishedRollbacks } from "../extentstore/rollback/rollback.ts";
import type { ChangesSinceOptions, RollbackOptions } from "../rollback.ts";
import type { SnapshotHandle, SnapshotShape } from "../volume-io.ts";
import { type ClusterContext, changeAndRemove, lookAt, removeLeft } from "./context.ts";
import { learnListed } from "./groups/listed.ts";
import { closeClone, openClone, readClone } from "./groups/reading.ts";
import { takeSourceGroup } from "./groups/source-groups.ts";
import { spaceOfGroup } from "./groups/space.ts";
import { refuseHalfWritten } from "./mirrors/claims.ts";
import { ClusterMirrors } from "./mirrors/cluster-mirrors.ts";
import { deleteOne, giveNames, obstaclesOnCluster, rebuildOne, switchVm } from "./rebuild/cluster-restores.ts";
import { rebuildWaysOf } from "./rebuild/ways.ts";
import { changesOnCluster, rollBackOnCluster, undoOnCluster } from "./rollback/cluster-rollback.ts";

type OfMirror = { readonly mirrorVolumeId: string; readonly epoch: number };
type OfGroup = { readonly groupId: GroupId; readonly owner: Owner };

/**
 * A real SMTX OS cluster. What the product knows stands in records of the same form as an
 * extentstore's, in a LUN of ours (ledger/), so its rules are the same code. What they ask of
 * volumes and snapshots the cluster does: between planning a change of the records and writing it
 * down, or after that, where it may be done again.
 */
export class SmtxCluster implements StorageDriver {
  readonly kind = "smtx";
  readonly #context: ClusterContext;
  readonly #mirrors: ClusterMirrors;
  readonly #close: () => Promise<void>;

  /** @param close ends what the context consists of */
  constructor(context: ClusterContext, close: () => Promise<void>) {
    this.#context = context;
    this.#mirrors = new ClusterMirrors(context);
    this.#close = close;
  }

  /** Files are the command line's: CloudTower neither snapshots them nor makes them. */
  get #kinds(): readonly ObjectKind[] {
    return ["lun", "volume", "vm", ...(this.#context.hasCommandLine ? (["nfs-file"] as const) : [])];
  }

  async caps(): Promise<StorageCaps> {
    return {
      kinds: this.#kinds,
      groupSkewMicroseconds: this.#context.hasCommandLine ? 0 : null,
      extentMap: this.#context.extentTokens !== undefined,
      chosenLunId: true,
      atomicExtents: false,
      swap: false,
    };
  }

  async facilities(call?: StorageCall): Promise<Facilities> {
    const room = await this.#context.hands.room(call);
    return lookAt(
      this.#context,
      (database) => ({
        kinds: [...this.#kinds],
        pools: listPools(database).map((pool) => ({ ...pool, ...(room && { ...room, isThin: true as const }) })),
        switches: listSwitches(database),
      }),
      call,
    );
  }

  inventory(call?: StorageCall): Promise<readonly ObjectConfig[]> {
    return lookAt(this.#context, objects.listObjects, call);
  }

  findObjects(ids: readonly ObjectId[], call?: StorageCall): Promise<readonly ObjectConfig[]> {
    return lookAt(this.#context, (database) => objects.findObjects(database, ids), call);
  }

  async createVolume(): Promise<never> {
    throw administeredElsewhere();
  }

  async renameVolume(): Promise<never> {
    throw administeredElsewhere();
  }

  async deleteVolume(): Promise<never> {
    throw administeredElsewhere();
  }

  async openVolume(): Promise<never> {
    throw administeredElsewhere();
  }

  snapshotGroup(options: SnapshotGroupOptions, call?: StorageCall) {
    return takeSourceGroup(this.#context, options, call);
  }

  findGroup(groupId: GroupId, call?: StorageCall) {
    return this.#context.ledger.read((database) => snapshots.findGroup(database, groupId), call);
  }

  newestSourceGroup(owner: Owner, call?: StorageCall) {
    return this.#context.ledger.read((database) => snapshots.newestSourceGroup(database, owner), call);
  }

  lastSequences(of: { readonly owner: Owner; readonly objects: readonly ObjectId[] }, call?: StorageCall) {
    return this.#context.ledger.read((database) => snapshots.lastSequences(database, of.owner, of.objects), call);
  }

  standIns(of: StandInsOptions, call?: StorageCall) {
    return lookAt(this.#context, (database) => standIns(database, of), call);
  }

  listGroups(owner: Owner, call?: StorageCall) {
    return this.#context.ledger.read((database) => snapshots.listGroups(database, owner), call);
  }

  deleteGroup({ groupId, owner }: OfGroup, call?: StorageCall): Promise<void> {
    return changeAndRemove(this.#context, (database) => snapshots.deleteGroup(database, groupId, owner), call);
  }

  releaseMirrors(of: { readonly owner: Owner; readonly sequence: number }, call?: StorageCall): Promise<void> {
    return changeAndRemove(this.#context, (database) => releaseMirrors(database, of), call);
  }

  spaceOf(options: SpaceOptions, call?: StorageCall): Promise<Space | undefined> {
    return spaceOfGroup(this.#context, options, call);
  }

  snapshotShape(wanted: WantedSnapshot, call?: StorageCall): Promise<SnapshotShape> {
    return this.#context.ledger.read((database) => shapeOfSnapshot(findWantedSnapshot(database, wanted)), call);
  }

  openSnapshot(wanted: WantedSnapshot, call?: StorageCall): Promise<SnapshotHandle> {
    return openClone(this.#context, wanted, call);
  }

  closeSnapshot(handle: SnapshotHandle): Promise<void> {
    return closeClone(this.#context, handle);
  }

  readSnapshot(handle: SnapshotHandle) {
    return readClone(this.#context, handle);
  }

  async prepareMirror(options: PrepareMirrorOptions, call?: StorageCall) {
    if (!this.#kinds.includes(options.object.kind)) throw noKind(options.object);
    return this.#mirrors.prepare(options, call);
  }

  findMirrorVolume(mirrorVolumeId: string, call?: StorageCall) {
    return this.#context.ledger.read((database) => findMirrorVolume(database, mirrorVolumeId), call);
  }

  openMirror(options: OpenMirrorOptions, call?: StorageCall) {
    return this.#mirrors.open(options, call);
  }

  openMirrorExtent(of: Parameters<ClusterMirrors["openExtent"]>[0], call?: StorageCall) {
    return this.#mirrors.openExtent(of, call);
  }

  /** None are kept. */
  async mirrorDigests(of: OfMirror, call?: StorageCall): Promise<undefined> {
    await this.#context.ledger.read((database) => mirrorDigests(database, of, 0), call);
    return undefined;
  }

  completeMirror({ mirrorVolumeId, epoch }: OfMirror, call?: StorageCall): Promise<void> {
    return this.#context.ledger.change((database) => {
      completeMirror(database, mirrorVolumeId, epoch);
      refuseHalfWritten(database, mirrorVolumeId);
    }, call);
  }

  abortGroup({ groupId, owner }: OfGroup, call?: StorageCall): Promise<void> {
    return changeAndRemove(this.#context, (database) => abortGroup(database, groupId, owner), call);
  }

  isAborted({ groupId, owner }: OfGroup, call?: StorageCall): Promise<boolean> {
    return this.#context.ledger.read((database) => isAborted(database, groupId, owner), call);
  }

  dropStaged({ groupId, owner }: OfGroup, call?: StorageCall): Promise<void> {
    return changeAndRemove(this.#context, (database) => dropStaged(database, groupId, owner), call);
  }

  publishGroup(options: PublishGroupOptions, call?: StorageCall) {
    return this.#mirrors.publish(options, call);
  }

  manifests(call?: StorageCall) {
    return this.#context.ledger.read(snapshots.listManifests, call);
  }

  foreignGroups(call?: StorageCall) {
    return this.#context.ledger.read(listForeignGroups, call);
  }

  foreignManifest(groupId: GroupId, call?: StorageCall) {
    return this.#context.ledger.read((database) => foreignManifest(database, groupId), call);
  }

  objectOfGroup({ groupId, object }: { readonly groupId: GroupId; readonly object: ObjectId }, call?: StorageCall) {
    return this.#context.ledger.read((database) => snapshots.objectOfGroup(database, groupId, object), call);
  }

  rebuildObject(options: RebuildObjectOptions, call?: StorageCall): Promise<ObjectConfig> {
    return rebuildOne(this.#context, options, call);
  }

  rebuildObstacles(options: RebuildObjectOptions, call?: StorageCall): Promise<readonly VisibleError[]> {
    return obstaclesOnCluster(this.#context, options, call);
  }

  rebuildWays(of: readonly ObjectConfig[], call?: StorageCall): Promise<readonly RebuildWay[]> {
    return this.#context.ledger.read((database) => rebuildWaysOf(database, of), call);
  }

  deleteRebuilt(options: DeleteRebuiltOptions, call?: StorageCall): Promise<void> {
    return deleteOne(this.#context, options, call);
  }

  changesSince(of: ChangesSinceOptions, call?: StorageCall) {
    return changesOnCluster(this.#context, of, call);
  }

  powerOff(object: ObjectId, call?: StorageCall): Promise<void> {
    return switchVm(this.#context, object, "off", call);
  }

  powerOn(object: ObjectId, call?: StorageCall): Promise<void> {
    return switchVm(this.#context, object, "on", call);
  }

  rollback(options: RollbackOptions, call?: StorageCall) {
    return rollBackOnCluster(this.#context, options, call);
  }

  undoRollback(of: { readonly key: GroupId; readonly owner: Owner }, call?: StorageCall) {
    return undoOnCluster(this.#context, of, call);
  }

  unfinishedRollbacks(of: readonly ObjectId[], call?: StorageCall) {
    return this.#context.ledger.read((database) => unfinishedRollbacks(database, of), call);
  }

  /** What a cluster finds damaged it mends by itself. */
  async damage(): Promise<undefined> {
    return undefined;
  }

  async tend(_: unknown, call?: StorageCall): Promise<void> {
    await this.#context.background.settled();
    await giveNames(this.#context, call);
    const [stays] = await removeLeft(this.#context, call);
    await learnListed(this.#context, call);
    await this.#context.reaper.tend(call);
    if (stays !== undefined) throw stays.error;
  }

  async close(): Promise<void> {
    await this.#mirrors.close();
    await this.#context.background.close();
    await this.#context.holder.close();
    await this.#close();
  }
}

const noKind = ({ name }: ObjectConfig): VisibleError =>
  new VisibleError("OBJECT_KIND_UNSUPPORTED", `“${name}” can't be kept on an SMTX OS cluster: it is a file.`, {
    hint: "Let the gateway use the nodes' command line (storage.ssh in its configuration), or give the plan another target.",
  });

const administeredElsewhere = (): VisibleError =>
  new VisibleError("ADMINISTERED_ELSEWHERE", "The volumes of an SMTX OS cluster are made, changed and written there.", {
    hint: "Use CloudTower.",
  });
