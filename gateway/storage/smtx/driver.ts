import { randomBytes } from "node:crypto";
import type { Space } from "../../../core/api/deletion/space.ts";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Facilities } from "../../../core/api/facilities.ts";
import type { GroupId, Instant } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { Initiator } from "../../iscsi/initiator.ts";
import type { StorageCall } from "../call.ts";
import type {
  DeleteRebuiltOptions,
  MirrorSession,
  MirrorVolume,
  ObjectId,
  OpenMirrorOptions,
  Owner,
  PrepareMirrorOptions,
  PublishGroupOptions,
  RebuildObjectOptions,
  SnapshotGroup,
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
import { standIns } from "../extentstore/cluster/stand-ins.ts";
import { listSwitches } from "../extentstore/cluster/switches.ts";
import { geometryOf } from "../extentstore/cluster/volume-row.ts";
import type { Database } from "../extentstore/database/database.ts";
import { abortGroup, isAborted } from "../extentstore/mirrors/aborted.ts";
import { findMirrorVolume } from "../extentstore/mirrors/mirror-volumes.ts";
import { findMirror } from "../extentstore/mirrors/mirrors.ts";
import { prepareMirror } from "../extentstore/mirrors/prepare.ts";
import { releaseMirrors } from "../extentstore/mirrors/release.ts";
import * as sessions from "../extentstore/mirrors/sessions.ts";
import { dropStaged } from "../extentstore/mirrors/staged.ts";
import { rebuildObstacles } from "../extentstore/rebuild/look.ts";
import type { MirrorExtentWriter, SnapshotHandle, SnapshotReader } from "../volume-io.ts";
import { ClusterExtentWriter } from "./blocks/extent-writer.ts";
import { ClonedSnapshotReader } from "./blocks/snapshot-reader.ts";
import type { Hands, LunRef } from "./cluster/hands.ts";
import { putInstant, putTaken, toTake } from "./groups/taken.ts";
import type { FoundCluster } from "./inventory/found.ts";
import { syncRecords } from "./inventory/sync.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { isInPlace, mirrorsToMake, type MirrorToMake, putLun } from "./mirrors/mirror-luns.ts";
import { MirrorWriting } from "./mirrors/mirror-writing.ts";
import { closeBase, noteReset, putReset, snapshotOf } from "./mirrors/resets.ts";
import { digestOf, ourName, ownerTag } from "./names.ts";
import { noting } from "./records/notes.ts";
import { endRemoval, listRemovals, noteRemovals } from "./records/removals.ts";

export interface SmtxParts {
  readonly ledger: Ledger;
  readonly hands: Hands;
  readonly initiator: Initiator;
  /** What the cluster has now, without what is ours. */
  readonly find: (call?: StorageCall) => Promise<FoundCluster>;
  /** The tokens of a snapshot's extents; undefined: nobody may ask for its extent table. */
  readonly extentTokens: ((zbsVolumeId: string, extents: number, call?: StorageCall) => Promise<readonly (string | null)[]>) | undefined;
  readonly close: () => Promise<void>;
}

/**
 * A real SMTX OS cluster. What the product knows stands in records of the same form as an
 * extentstore's, in a LUN of ours (ledger/), so the rules are the same code. What they ask of
 * volumes and snapshots is done by the cluster: between planning a change of the records and
 * committing it, or, for what may be done again, after that.
 */
export class SmtxCluster implements StorageDriver {
  readonly kind = "smtx";
  readonly #parts: SmtxParts;
  readonly #writing: MirrorWriting;

  constructor(parts: SmtxParts) {
    this.#parts = parts;
    this.#writing = new MirrorWriting(parts);
  }

  async caps(): Promise<StorageCaps> {
    return {
      kinds,
      groupSkewMicroseconds: 0,
      extentMap: this.#parts.extentTokens !== undefined,
      chosenLunId: true,
      atomicExtents: false,
      swap: false,
    };
  }

  async facilities(call?: StorageCall): Promise<Facilities> {
    return this.#look((database) => ({ kinds: [...kinds], pools: listPools(database), switches: listSwitches(database) }), call);
  }

  inventory(call?: StorageCall): Promise<readonly ObjectConfig[]> {
    return this.#look(objects.listObjects, call);
  }

  findObjects(ids: readonly ObjectId[], call?: StorageCall): Promise<readonly ObjectConfig[]> {
    return this.#look((database) => objects.findObjects(database, ids), call);
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

  async snapshotGroup(options: SnapshotGroupOptions, call?: StorageCall): Promise<SnapshotGroup> {
    const { groupId, owner } = options;
    const name = ourName("group", ownerTag(owner), groupId);
    await changeCluster(
      this.#parts,
      {
        plan: (database) => {
          snapshots.snapshotGroup(database, { ...options, takenAt: now() });
          return toTake(database, groupId);
        },
        realize: (members) => this.#take(name, members, call),
        finish: (database, members, { taken, takenAt }) => {
          if (members.length === 0) return;
          putTaken(database, members, taken);
          putInstant(database, groupId, takenAt);
        },
      },
      call,
    );
    const group = await this.findGroup(groupId, call);
    if (group === undefined) throw new Error(`the group ${groupId} is gone as soon as it was taken`);
    return group;
  }

  findGroup(groupId: GroupId, call?: StorageCall): Promise<SnapshotGroup | undefined> {
    return this.#parts.ledger.read((database) => snapshots.findGroup(database, groupId), call);
  }

  newestSourceGroup(owner: Owner, call?: StorageCall) {
    return this.#parts.ledger.read((database) => snapshots.newestSourceGroup(database, owner), call);
  }

  lastSequences(options: { readonly owner: Owner; readonly objects: readonly ObjectId[] }, call?: StorageCall) {
    return this.#parts.ledger.read((database) => snapshots.lastSequences(database, options.owner, options.objects), call);
  }

  standIns(of: StandInsOptions, call?: StorageCall) {
    return this.#look((database) => standIns(database, of), call);
  }

  listGroups(owner: Owner, call?: StorageCall) {
    return this.#parts.ledger.read((database) => snapshots.listGroups(database, owner), call);
  }

  async deleteGroup({ groupId, owner }: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall) {
    await this.#changeAndRemove((database) => snapshots.deleteGroup(database, groupId, owner), call);
  }

  async releaseMirrors(of: { readonly owner: Owner; readonly sequence: number }, call?: StorageCall) {
    await this.#changeAndRemove((database) => releaseMirrors(database, of), call);
  }

  async spaceOf(_options: SpaceOptions): Promise<Space | undefined> {
    return undefined;
  }

  async openSnapshot(wanted: WantedSnapshot, call?: StorageCall): Promise<SnapshotHandle> {
    const { ledger, hands } = this.#parts;
    const { row, snapshot } = await ledger.read((database) => {
      const found = snapshots.findWantedSnapshot(database, wanted);
      return { row: found, snapshot: snapshotOf(database, found.tableId) };
    }, call);
    if (snapshot === null) throw snapshotGone(row.id);
    const name = ourName("read", this.#holder, randomBytes(8).toString("hex"));
    const clone = await hands.cloneSnapshot({ snapshot, name, sizeBytes: row.sizeBytes }, call);
    return { snapshotId: row.id, sizeBytes: row.sizeBytes, geometry: geometryOf(row), access: JSON.stringify(clone) };
  }

  async closeSnapshot({ access }: SnapshotHandle, call?: StorageCall): Promise<void> {
    if (access !== undefined) await this.#parts.hands.removeLun((JSON.parse(access) as LunRef).lun, call);
  }

  async readSnapshot(handle: SnapshotHandle, call?: StorageCall): Promise<SnapshotReader> {
    const { snapshotId, access, sizeBytes, geometry } = handle;
    if (access === undefined) throw snapshotGone(snapshotId);
    const { ledger, initiator, extentTokens } = this.#parts;
    const zbsVolumeId = await ledger.read((database) => zbsSnapshotOf(database, snapshotId), call);
    const { iqn, lunId } = JSON.parse(access) as LunRef;
    const lun = await initiator.openLun({ targetName: iqn, lun: lunId }, call);
    const extents = extentCount(geometry, sizeBytes);
    const extentMap = extentTokens && ((watch?: StorageCall) => extentTokens(zbsVolumeId, extents, watch));
    return new ClonedSnapshotReader({ lun, sizeBytes, geometry, extentMap });
  }

  async prepareMirror(options: PrepareMirrorOptions, call?: StorageCall): Promise<readonly MirrorVolume[]> {
    const { hands } = this.#parts;
    const { mirrors } = await changeCluster(
      this.#parts,
      {
        plan: (database) => {
          const mirrors = prepareMirror(database, options);
          return { mirrors, toMake: mirrorsToMake(database, mirrors.map((mirror) => mirror.mirrorVolumeId)) };
        },
        realize: async ({ toMake }) => {
          const made: LunRef[] = [];
          for (const one of toMake) made.push(await this.#makeMirror(one, call));
          return made;
        },
        finish: (database, { toMake }, made) => {
          for (const [index, one] of toMake.entries()) {
            const lun = made[index];
            if (lun !== undefined) placeMirror(database, one, lun);
          }
        },
      },
      call,
    );
    await this.#removeLeft(call);
    return mirrors;
  }

  findMirrorVolume(mirrorVolumeId: string, call?: StorageCall) {
    return this.#parts.ledger.read((database) => findMirrorVolume(database, mirrorVolumeId), call);
  }

  async openMirror(options: OpenMirrorOptions, call?: StorageCall): Promise<MirrorSession> {
    const { mirrorVolumeId } = options;
    const session = await this.#parts.ledger.changeAround(
      {
        plan: (database) => {
          const wasWritten = (findMirror(database, mirrorVolumeId)?.epoch ?? 0) > 0;
          const { result, contents } = noting(database, () => sessions.openMirror(database, options));
          noteReset(database, options, { contents, wasWritten });
          return result;
        },
        realize: async () => undefined,
      },
      call,
    );
    await this.#openBase(options, session.epoch, call);
    await this.#writing.begin(mirrorVolumeId, session.epoch, call);
    await this.#removeLeft(call);
    return session;
  }

  async openMirrorExtent(
    of: { readonly mirrorVolumeId: string; readonly epoch: number; readonly extent: number; readonly from?: "base" | "zeros" },
    call?: StorageCall,
  ): Promise<MirrorExtentWriter> {
    const { mirrorVolumeId, epoch, extent, from = "base" } = of;
    const { ledger } = this.#parts;
    const row = await ledger.read((database) => sessions.mirrorForWriting(database, mirrorVolumeId, epoch), call);
    const { lun, base } = await this.#writing.open(mirrorVolumeId, epoch, call);
    return new ClusterExtentWriter({
      ...{ lun, base, extent, from, geometry: geometryOf(row), sizeBytes: row.sizeBytes },
      mayUnmap: epoch === 1,
      markDone: (watch) =>
        ledger.change((database) => {
          sessions.mirrorForWriting(database, mirrorVolumeId, epoch);
          database.run("INSERT OR IGNORE INTO doneExtents (volumeId, extent) VALUES (?, ?)", mirrorVolumeId, extent);
          database.run("UPDATE mirrors SET complete = 0 WHERE volumeId = ? AND complete = 1", mirrorVolumeId);
        }, watch),
    });
  }

  async mirrorDigests(of: { readonly mirrorVolumeId: string; readonly epoch: number }, call?: StorageCall): Promise<undefined> {
    await this.#parts.ledger.read((database) => sessions.mirrorDigests(database, of, 0), call);
    return undefined;
  }

  async completeMirror({ mirrorVolumeId, epoch }: { readonly mirrorVolumeId: string; readonly epoch: number }, call?: StorageCall) {
    await this.#parts.ledger.change((database) => sessions.completeMirror(database, mirrorVolumeId, epoch), call);
  }

  async abortGroup({ groupId, owner }: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall) {
    await this.#changeAndRemove((database) => abortGroup(database, groupId, owner), call);
  }

  isAborted({ groupId, owner }: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall) {
    return this.#parts.ledger.read((database) => isAborted(database, groupId, owner), call);
  }

  async dropStaged({ groupId, owner }: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall) {
    await this.#changeAndRemove((database) => dropStaged(database, groupId, owner), call);
  }

  async publishGroup(options: PublishGroupOptions, call?: StorageCall): Promise<SnapshotGroup> {
    const { groupId, owner } = options;
    const name = ourName("group", ownerTag(owner), groupId);
    const { group } = await changeCluster(
      this.#parts,
      {
        plan: (database) => {
          const group = sessions.publishGroup(database, options);
          return { group, members: toTake(database, groupId) };
        },
        realize: ({ members }) => this.#take(name, members, call),
        finish: (database, { members }, { taken }) => {
          putTaken(database, members, taken);
          for (const { volumeId } of members) closeBase(database, volumeId);
        },
      },
      call,
    );
    await this.#removeLeft(call);
    return group;
  }

  manifests(call?: StorageCall) {
    return this.#parts.ledger.read(snapshots.listManifests, call);
  }

  foreignGroups(call?: StorageCall) {
    return this.#parts.ledger.read(listForeignGroups, call);
  }

  foreignManifest(groupId: GroupId, call?: StorageCall) {
    return this.#parts.ledger.read((database) => foreignManifest(database, groupId), call);
  }

  objectOfGroup({ groupId, object }: { readonly groupId: GroupId; readonly object: ObjectId }, call?: StorageCall) {
    return this.#parts.ledger.read((database) => snapshots.objectOfGroup(database, groupId, object), call);
  }

  async rebuildObject(_options: RebuildObjectOptions): Promise<ObjectConfig> {
    throw new Error("not built yet");
  }

  rebuildObstacles(options: RebuildObjectOptions, call?: StorageCall): Promise<readonly VisibleError[]> {
    return this.#look((database) => rebuildObstacles(database, options), call);
  }

  async deleteRebuilt(_options: DeleteRebuiltOptions): Promise<void> {
    throw new Error("not built yet");
  }

  async damage(): Promise<undefined> {
    return undefined;
  }

  async tend(_options: unknown, call?: StorageCall): Promise<void> {
    await this.#removeLeft(call);
  }

  async close(): Promise<void> {
    await this.#writing.close();
    await this.#parts.close();
  }

  /** Reads the records beside what the cluster has now. */
  async #look<T>(work: (database: Database) => T, call: StorageCall | undefined): Promise<T> {
    const { ledger, find } = this.#parts;
    for (;;) {
      const generation = await ledger.read(generationOf, call);
      const found = await find(call);
      const looked = await ledger.read(
        (database) =>
          generationOf(database) === generation
            ? { result: besideCluster(database, found, () => work(database)) }
            : undefined,
        call,
      );
      if (looked !== undefined) return looked.result;
    }
  }

  async #take(name: string, members: readonly Member[], call: StorageCall | undefined) {
    const takenAt = now();
    const luns = members.map(({ volumeId, lun }) => lun ?? unreadable(volumeId));
    const taken = luns.length === 0 ? new Map() : await this.#parts.hands.snapshotTogether({ name, luns }, call);
    return { taken: taken as ReadonlyMap<string, TakenSnapshot>, takenAt };
  }

  async #makeMirror({ wish, now }: MirrorToMake, call: StorageCall | undefined): Promise<LunRef> {
    const { hands } = this.#parts;
    if (now === undefined || !isInPlace(now, wish)) return hands.makeLun(wish, call);
    await hands.growLun(now.lun, wish.sizeBytes, call);
    return { ...now, sizeBytes: wish.sizeBytes };
  }

  /** A clone of what the writing starts from, for all who write with it. */
  async #openBase({ mirrorVolumeId, baseGroupId }: OpenMirrorOptions, epoch: number, call: StorageCall | undefined) {
    if (baseGroupId === null) return;
    const { ledger, hands } = this.#parts;
    const base = await ledger.read((database) => baseOf(database, mirrorVolumeId, baseGroupId), call);
    if (base === undefined) return;
    const name = ourName("read", "base", digestOf(mirrorVolumeId, String(epoch)));
    const clone = await hands.cloneSnapshot({ ...base, name }, call);
    await ledger.change((database) => {
      closeBase(database, mirrorVolumeId);
      const { lun, iqn, lunId } = clone;
      database.run("INSERT INTO basesOfMirrors VALUES (?, ?, ?, ?)", mirrorVolumeId, lun, iqn, lunId);
    }, call);
  }

  async #changeAndRemove(work: (database: Database) => void, call: StorageCall | undefined): Promise<void> {
    await this.#parts.ledger.change((database) => {
      work(database);
      noteRemovals(database);
    }, call);
    await this.#removeLeft(call);
  }

  /** What no row stands for any more goes from the cluster. */
  async #removeLeft(call: StorageCall | undefined): Promise<void> {
    const { ledger, hands } = this.#parts;
    const removals = await ledger.read(listRemovals, call);
    const done: Removal[] = [];
    for (const removal of removals) {
      if (removal.kind === "lun") await hands.removeLun(removal.id, call);
      if (removal.kind === "snapshot") await hands.removeSnapshot(removal.id, call);
      done.push(removal);
    }
    if (done.length > 0) {
      await ledger.change((database) => {
        for (const removal of done) endRemoval(database, removal);
      }, call);
    }
  }
}
