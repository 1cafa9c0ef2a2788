import type { Time } from "../time/time.ts";
import type { ClusterAdministration } from "./administration.ts";
import type { StorageCall } from "./call.ts";
import type { StorageDriver } from "./driver.ts";
import { type HandleCalls, TimedCalls } from "./timed-calls.ts";
import type { MirrorExtentWriter, SnapshotReader, StagedVolume, VolumeHandle } from "./volume-io.ts";

/**
 * The driver with a timeout on every call, also of the volumes, snapshots and extents that it
 * opens. A call that stands still for too long is TIMEOUT, naming it, whatever the driver does; one
 * whose signal is aborted ends at once, with the reason. Both tell the driver to stop, and wait no
 * longer. What is closed is closed in spite of the signal.
 * @param user time, and the signal and `onMoved` of somebody who makes many calls, as if each of
 *   them had those. `onMoved` hears of every call that ends by itself
 */
export const withTimeouts = (driver: StorageDriver, user: { readonly time: Time } & StorageCall): StorageDriver => {
  const calls = new TimedCalls(user);
  const { administration } = driver;
  const stageVolume = driver.stageVolume?.bind(driver);
  const guestAnswers = driver.guestAnswers?.bind(driver);
  return {
    kind: driver.kind,
    caps: (call) => calls.answer("caps", call, (watch) => driver.caps(watch)),
    facilities: (call) => calls.answer("facilities", call, (watch) => driver.facilities(watch)),
    findObjects: (ids, call) => calls.answer("findObjects", call, (watch) => driver.findObjects(ids, watch)),
    inventory: (call) => calls.answer("inventory", call, (watch) => driver.inventory(watch)),
    createVolume: (of, call) => calls.answer("createVolume", call, (watch) => driver.createVolume(of, watch)),
    openVolume: (volumeId, mode, call) =>
      calls.open("openVolume", call, {
        open: (watch) => driver.openVolume(volumeId, mode, watch),
        wrap: timedVolume,
        close: (volume) => volume.close(),
      }),
    renameVolume: (id, name, call) =>
      calls.answer("renameVolume", call, (watch) => driver.renameVolume(id, name, watch)),
    deleteVolume: (id, call) => calls.durable("deleteVolume", call, (watch) => driver.deleteVolume(id, watch)),
    snapshotGroup: (of, call) => calls.answer("snapshotGroup", call, (watch) => driver.snapshotGroup(of, watch)),
    findGroup: (id, call) => calls.answer("findGroup", call, (watch) => driver.findGroup(id, watch)),
    findMirrorVolume: (id, call) =>
      calls.answer("findMirrorVolume", call, (watch) => driver.findMirrorVolume(id, watch)),
    newestSourceGroup: (owner, call) =>
      calls.answer("newestSourceGroup", call, (watch) => driver.newestSourceGroup(owner, watch)),
    standIns: (of, call) => calls.answer("standIns", call, (watch) => driver.standIns(of, watch)),
    lastSequences: (of, call) => calls.answer("lastSequences", call, (watch) => driver.lastSequences(of, watch)),
    listGroups: (owner, call) => calls.answer("listGroups", call, (watch) => driver.listGroups(owner, watch)),
    deleteGroup: (of, call) => calls.durable("deleteGroup", call, (watch) => driver.deleteGroup(of, watch)),
    snapshotShape: (wanted, call) =>
      calls.answer("snapshotShape", call, (watch) => driver.snapshotShape(wanted, watch)),
    openSnapshot: (wanted, call) =>
      calls.open("openSnapshot", call, {
        open: (watch) => driver.openSnapshot(wanted, watch),
        wrap: (handle) => handle,
        close: (handle) => driver.closeSnapshot(handle),
      }),
    closeSnapshot: (handle, call) => calls.close("closeSnapshot", call, (watch) => driver.closeSnapshot(handle, watch)),
    readSnapshot: (handle, call) =>
      calls.open("readSnapshot", call, {
        open: (watch) => driver.readSnapshot(handle, watch),
        wrap: timedSnapshot,
        close: (snapshot) => snapshot.close(),
      }),
    releaseMirrors: (of, call) => calls.durable("releaseMirrors", call, (watch) => driver.releaseMirrors(of, watch)),
    spaceOf: (of, call) => calls.answer("spaceOf", call, (watch) => driver.spaceOf(of, watch)),
    prepareMirror: (of, call) => calls.answer("prepareMirror", call, (watch) => driver.prepareMirror(of, watch)),
    openMirror: (of, call) => calls.answer("openMirror", call, (watch) => driver.openMirror(of, watch)),
    openMirrorExtent: (of, call) =>
      calls.open("openMirrorExtent", call, {
        open: (watch) => driver.openMirrorExtent(of, watch),
        wrap: timedMirrorExtent,
        close: (writer) => writer.discard(),
      }),
    mirrorDigests: (of, call) => calls.answer("mirrorDigests", call, (watch) => driver.mirrorDigests(of, watch)),
    completeMirror: (of, call) => calls.answer("completeMirror", call, (watch) => driver.completeMirror(of, watch)),
    isAborted: (of, call) => calls.answer("isAborted", call, (watch) => driver.isAborted(of, watch)),
    abortGroup: (of, call) => calls.answer("abortGroup", call, (watch) => driver.abortGroup(of, watch)),
    dropStaged: (of, call) => calls.durable("dropStaged", call, (watch) => driver.dropStaged(of, watch)),
    publishGroup: (of, call) => calls.answer("publishGroup", call, (watch) => driver.publishGroup(of, watch)),
    manifests: (call) => calls.answer("manifests", call, (watch) => driver.manifests(watch)),
    foreignGroups: (call) => calls.answer("foreignGroups", call, (watch) => driver.foreignGroups(watch)),
    foreignManifest: (id, call) => calls.answer("foreignManifest", call, (watch) => driver.foreignManifest(id, watch)),
    objectOfGroup: (of, call) => calls.answer("objectOfGroup", call, (watch) => driver.objectOfGroup(of, watch)),
    rebuildObject: (of, call) => calls.durable("rebuildObject", call, (watch) => driver.rebuildObject(of, watch)),
    rebuildObstacles: (of, call) =>
      calls.answer("rebuildObstacles", call, (watch) => driver.rebuildObstacles(of, watch)),
    rebuildWays: (of, call) => calls.answer("rebuildWays", call, (watch) => driver.rebuildWays(of, watch)),
    deleteRebuilt: (of, call) => calls.durable("deleteRebuilt", call, (watch) => driver.deleteRebuilt(of, watch)),
    changesSince: (of, call) => calls.durable("changesSince", call, (watch) => driver.changesSince(of, watch)),
    powerOff: (object, call) => calls.durable("powerOff", call, (watch) => driver.powerOff(object, watch)),
    powerOn: (object, call) => calls.durable("powerOn", call, (watch) => driver.powerOn(object, watch)),
    rollback: (of, call) => calls.durable("rollback", call, (watch) => driver.rollback(of, watch)),
    undoRollback: (of, call) => calls.durable("undoRollback", call, (watch) => driver.undoRollback(of, watch)),
    unfinishedRollbacks: (objects, call) =>
      calls.answer("unfinishedRollbacks", call, (watch) => driver.unfinishedRollbacks(objects, watch)),
    ...(administration && { administration: timedAdministration(administration, calls) }),
    ...(stageVolume && {
      stageVolume: (of, call) =>
        calls.open("stageVolume", call, {
          open: (watch) => stageVolume(of, watch),
          wrap: timedStaged,
          close: (staged) => staged.close(),
        }),
    }),
    ...(guestAnswers && {
      guestAnswers: (vm, call) => calls.answer("guestAnswers", call, (watch) => guestAnswers(vm, watch)),
    }),
    damage: (call) => calls.answer("damage", call, (watch) => driver.damage(watch)),
    tend: (of, call) => calls.durable("tend", call, (watch) => driver.tend(of, watch)),
    close: (call) => calls.close("close", call, (watch) => driver.close(watch)),
  };
};

const timedAdministration = (cluster: ClusterAdministration, calls: TimedCalls): ClusterAdministration => ({
  createObjects: (specs, call) => calls.durable("createObjects", call, (watch) => cluster.createObjects(specs, watch)),
  updateObject: (id, change, call) =>
    calls.durable("updateObject", call, (watch) => cluster.updateObject(id, change, watch)),
  losses: (id, change, call) => calls.answer("losses", call, (watch) => cluster.losses(id, change, watch)),
  deleteObject: (id, call) => calls.durable("deleteObject", call, (watch) => cluster.deleteObject(id, watch)),
  describeFacility: (of, call) =>
    calls.answer("describeFacility", call, (watch) => cluster.describeFacility(of, watch)),
  deleteFacility: (of, call) => calls.answer("deleteFacility", call, (watch) => cluster.deleteFacility(of, watch)),
  setPower: (id, power, call) => calls.answer("setPower", call, (watch) => cluster.setPower(id, power, watch)),
  setLabels: (id, labels, call) => calls.answer("setLabels", call, (watch) => cluster.setLabels(id, labels, watch)),
});

const timedVolume = (volume: VolumeHandle, calls: HandleCalls): VolumeHandle => ({
  sizeBytes: volume.sizeBytes,
  geometry: volume.geometry,
  read: (offset, into, call) => calls.answer("read", call, (watch) => volume.read(offset, into, watch)),
  write: (offset, data, call) => calls.durable("write", call, (watch) => volume.write(offset, data, watch)),
  zero: (offset, length, call) => calls.durable("zero", call, (watch) => volume.zero(offset, length, watch)),
  flush: (call) => calls.durable("flush", call, (watch) => volume.flush(watch)),
  close: (call) => calls.close("close", call, (watch) => volume.close(watch)),
});

const timedStaged = (staged: StagedVolume, calls: HandleCalls): StagedVolume => ({
  ...timedVolume(staged, calls),
  swapIn: (call) => calls.durable("swapIn", call, (watch) => staged.swapIn(watch)),
});

const timedSnapshot = (snapshot: SnapshotReader, calls: HandleCalls): SnapshotReader => ({
  sizeBytes: snapshot.sizeBytes,
  geometry: snapshot.geometry,
  read: (offset, into, call) => calls.answer("read", call, (watch) => snapshot.read(offset, into, watch)),
  extentMap: (call) => calls.answer("extentMap", call, (watch) => snapshot.extentMap(watch)),
  extentBlocks: (extent, call) => calls.answer("extentBlocks", call, (watch) => snapshot.extentBlocks(extent, watch)),
  extentDigests: (call) => calls.answer("extentDigests", call, (watch) => snapshot.extentDigests(watch)),
  close: (call) => calls.close("close", call, (watch) => snapshot.close(watch)),
});

const timedMirrorExtent = (writer: MirrorExtentWriter, calls: HandleCalls): MirrorExtentWriter => {
  const { writeStored } = writer;
  return {
    write: (offset, data, call) => calls.durable("write", call, (watch) => writer.write(offset, data, watch)),
    zero: (offset, length, call) => calls.durable("zero", call, (watch) => writer.zero(offset, length, watch)),
    writeStored:
      writeStored &&
      ((block, stored, call) =>
        calls.durable("writeStored", call, (watch) => writeStored.call(writer, block, stored, watch))),
    readBase: (offset, into, call) => calls.answer("readBase", call, (watch) => writer.readBase(offset, into, watch)),
    baseHashes: (call) => calls.durable("baseHashes", call, (watch) => writer.baseHashes(watch)),
    blockHashes: (call) => calls.durable("blockHashes", call, (watch) => writer.blockHashes(watch)),
    commit: (call) => calls.durable("commit", call, (watch) => writer.commit(watch)),
    discard: (call) => calls.close("discard", call, (watch) => writer.discard(watch)),
  };
};
