import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { plainGeometry } from "../../core/extent/geometry.ts";
import { type ManualTime, manualTime, settle } from "../agent/testing.ts";
import type { ClusterAdministration } from "./administration.ts";
import type { StorageCall } from "./call.ts";
import { groupId, owner, takenAt } from "./conformance/fixtures.ts";
import type { StorageDriver } from "./driver.ts";
import { mirrorSetOf } from "./mirror-set.ts";
import { hangingStorage } from "./testing-hanging.ts";
import { storageTimeouts } from "./timed-calls.ts";
import type { VolumeHandle } from "./volume-io.ts";
import { withTimeouts } from "./with-timeouts.ts";

const { answerSeconds, durableSeconds } = storageTimeouts;
const object: ObjectConfig = { kind: "volume", id: "v", name: "v", volumes: [] };
const extent = { mirrorVolumeId: "m", epoch: 1, extent: 0 };
const bytes = new Uint8Array(1);
const shape = { sizeBytes: 1, geometry: plainGeometry };
const handle = { snapshotId: "s", ...shape };
const mirrors = mirrorSetOf(["m"]);
const from = { groupId: groupId(1), owner };
const rollback = { key: groupId(2), owner, from, objects: [object], discardChanges: false };

/** Every call of the port. */
const callsOf = (
  storage: StorageDriver,
): Record<Exclude<keyof StorageDriver, "kind" | "administration">, (call?: StorageCall) => Promise<unknown>> => ({
  caps: (call) => storage.caps(call),
  facilities: (call) => storage.facilities(call),
  findObjects: (call) => storage.findObjects([object], call),
  findMirrorVolume: (call) => storage.findMirrorVolume("m", call),
  newestSourceGroup: (call) => storage.newestSourceGroup(owner, call),
  standIns: (call) => storage.standIns({ owner, keys: ["k"] }, call),
  lastSequences: (call) => storage.lastSequences({ owner, objects: [object] }, call),
  inventory: (call) => storage.inventory(call),
  createVolume: (call) => storage.createVolume({ name: "v", kind: "volume", sizeBytes: 1 }, call),
  openVolume: (call) => storage.openVolume("v", "read", call),
  renameVolume: (call) => storage.renameVolume("v", "w", call),
  deleteVolume: (call) => storage.deleteVolume("v", call),
  snapshotGroup: (call) => storage.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [] }, call),
  findGroup: (call) => storage.findGroup(groupId(1), call),
  listGroups: (call) => storage.listGroups(owner, call),
  deleteGroup: (call) => storage.deleteGroup({ groupId: groupId(1), owner }, call),
  snapshotShape: (call) => storage.snapshotShape({ snapshotId: "s", of: "anybody" }, call),
  openSnapshot: (call) => storage.openSnapshot({ snapshotId: "s", of: "anybody" }, call),
  readSnapshot: (call) => storage.readSnapshot(handle, call),
  closeSnapshot: (call) => storage.closeSnapshot(handle, call),
  releaseMirrors: (call) => storage.releaseMirrors({ owner, sequence: 1 }, call),
  spaceOf: (call) => storage.spaceOf({ owner, groups: "all", mirrors: true }, call),
  prepareMirror: (call) => storage.prepareMirror({ owner, object }, call),
  openMirror: (call) =>
    storage.openMirror(
      {
        ...{ owner, mirrorVolumeId: "m", groupId: groupId(1), sequence: 1, sender: owner.source },
        ...{ baseGroupId: null, ...shape },
      },
      call,
    ),
  openMirrorExtent: (call) => storage.openMirrorExtent(extent, call),
  mirrorDigests: (call) => storage.mirrorDigests(extent, call),
  completeMirror: (call) => storage.completeMirror(extent, call),
  abortGroup: (call) => storage.abortGroup({ groupId: groupId(1), owner }, call),
  dropStaged: (call) => storage.dropStaged({ groupId: groupId(1), owner }, call),
  isAborted: (call) => storage.isAborted({ groupId: groupId(1), owner }, call),
  publishGroup: (call) =>
    storage.publishGroup(
      { groupId: groupId(1), owner, sequence: 1, takenAt, mirrors, planName: "daily", objects: [] },
      call,
    ),
  manifests: (call) => storage.manifests(call),
  foreignGroups: (call) => storage.foreignGroups(call),
  foreignManifest: (call) => storage.foreignManifest(groupId(1), call),
  objectOfGroup: (call) => storage.objectOfGroup({ groupId: groupId(1), object }, call),
  damage: (call) => storage.damage(call),
  tend: (call) => storage.tend({ time: manualTime() }, call),
  rebuildObject: (call) => storage.rebuildObject({ key: "k", owner, fromGroupId: groupId(1), object, name: "r" }, call),
  rebuildWays: (call) => storage.rebuildWays([object], call),
  rebuildObstacles: (call) =>
    storage.rebuildObstacles({ key: "k", owner, fromGroupId: groupId(1), object, name: "r" }, call),
  guestAnswers: (call) => storage.guestAnswers?.(object, call) ?? assert.fail("it asks no guest agents"),
  deleteRebuilt: (call) => storage.deleteRebuilt({ key: "k", owner, object }, call),
  changesSince: (call) => storage.changesSince({ owner, groupId: groupId(1), objects: [object] }, call),
  powerOff: (call) => storage.powerOff(object, call),
  powerOn: (call) => storage.powerOn(object, call),
  rollback: (call) => storage.rollback(rollback, call),
  undoRollback: (call) => storage.undoRollback(rollback, call),
  unfinishedRollbacks: (call) => storage.unfinishedRollbacks([object], call),
  stageVolume: (call) => storage.stageVolume?.({ into: "v" }, call) ?? assert.fail("it stages nothing"),
  close: (call) => storage.close(call),
});

const administrationCalls = async ({ administration }: StorageDriver) => {
  assert.ok(administration);
  return {
    createObjects: (call?: StorageCall) => administration.createObjects([], call),
    updateObject: (call?: StorageCall) => administration.updateObject(object, {}, call),
    losses: (call?: StorageCall) => administration.losses(object, "delete", call),
    deleteObject: (call?: StorageCall) => administration.deleteObject(object, call),
    describeFacility: (call?: StorageCall) => administration.describeFacility({ kind: "pool", name: "p" }, call),
    deleteFacility: (call?: StorageCall) => administration.deleteFacility({ kind: "pool", name: "p" }, call),
    setPower: (call?: StorageCall) => administration.setPower(object, "on", call),
    setLabels: (call?: StorageCall) => administration.setLabels(object, {}, call),
  } satisfies Record<keyof ClusterAdministration, unknown>;
};

const callsOfVolume = (volume: VolumeHandle) => ({
  read: (call?: StorageCall) => volume.read(0, bytes, call),
  write: (call?: StorageCall) => volume.write(0, bytes, call),
  zero: (call?: StorageCall) => volume.zero(0, 1, call),
  flush: (call?: StorageCall) => volume.flush(call),
  close: (call?: StorageCall) => volume.close(call),
});
const volumeCalls = async (storage: StorageDriver) => callsOfVolume(await storage.openVolume("v", "write"));
const stagedCalls = async (storage: StorageDriver) => {
  const staged = await storage.stageVolume?.({ into: "v" });
  assert.ok(staged);
  return { ...callsOfVolume(staged), swapIn: (call?: StorageCall) => staged.swapIn(call) };
};
const snapshotCalls = async (storage: StorageDriver) => {
  const snapshot = await storage.readSnapshot(handle);
  return {
    read: (call?: StorageCall) => snapshot.read(0, bytes, call),
    extentMap: (call?: StorageCall) => snapshot.extentMap(call),
    extentBlocks: (call?: StorageCall) => snapshot.extentBlocks(0, call),
    extentDigests: (call?: StorageCall) => snapshot.extentDigests(call),
    close: (call?: StorageCall) => snapshot.close(call),
  };
};
const extentCalls = async (storage: StorageDriver) => {
  const writer = await storage.openMirrorExtent(extent);
  const { writeStored } = writer;
  assert.ok(writeStored);
  return {
    write: (call?: StorageCall) => writer.write(0, bytes, call),
    zero: (call?: StorageCall) => writer.zero(0, 1, call),
    writeStored: (call?: StorageCall) => writeStored(0, undefined as never, call),
    readBase: (call?: StorageCall) => writer.readBase(0, bytes, call),
    baseHashes: (call?: StorageCall) => writer.baseHashes(call),
    blockHashes: (call?: StorageCall) => writer.blockHashes(call),
    commit: (call?: StorageCall) => writer.commit(call),
    discard: (call?: StorageCall) => writer.discard(call),
  };
};

type Calls = Record<string, (call?: StorageCall) => Promise<unknown>>;
const parts: readonly (readonly [what: string, opens: string, calls: (storage: StorageDriver) => Promise<Calls>])[] = [
  ["a storage", "", async (storage) => callsOf(storage)],
  ["an administration", "", administrationCalls],
  ["a volume", "openVolume", volumeCalls],
  ["a staged volume", "stageVolume", stagedCalls],
  ["a snapshot", "readSnapshot", snapshotCalls],
  ["an extent of a mirror", "openMirrorExtent", extentCalls],
];
const isClosing = (name: string) => ["close", "discard", "closeSnapshot"].includes(name);

/** What a promise came to by now. */
const outcome = (promise: Promise<unknown>) => {
  const seen: { error?: unknown; isOver: boolean } = { isOver: false };
  promise.then(
    () => Object.assign(seen, { isOver: true }),
    (error: unknown) => Object.assign(seen, { isOver: true, error }),
  );
  return seen;
};

const assertTimeout = (error: unknown, name: string): void => {
  assert.ok(VisibleError.is(error, "TIMEOUT"), `${error}`);
  assert.match(error.message, new RegExp(`call ${name} within`));
  assert.equal(error.retryable, true);
};

describe("a storage with timeouts", () => {
  for (const [what, opens, callsFor] of parts) {
    test(`every call of ${what} that never returns is TIMEOUT, naming it, and is told to stop`, async () => {
      const time = manualTime();
      const { driver, named } = hangingStorage((name) => name !== opens);
      for (const name of Object.keys(await callsFor(withTimeouts(driver, { time })))) {
        const calls = await callsFor(withTimeouts(driver, { time }));
        const seen = outcome(calls[name]?.() ?? Promise.resolve());
        await time.advance(answerSeconds * 1000 - 1);
        assert.equal(seen.isOver, false, `${name} was given up too early`);
        await time.advance((durableSeconds - answerSeconds) * 1000 + 1);
        assertTimeout(seen.error, name);
        assert.equal(named(name).call.signal?.aborted, true);
      }
    });

    test(`every call of ${what} ends with the reason when it is called off, but what closes`, async () => {
      const { driver } = hangingStorage((name) => name !== opens);
      const reason = new Error("called off");
      for (const name of Object.keys(await callsFor(withTimeouts(driver, { time: manualTime() })))) {
        const stop = new AbortController();
        const calls = await callsFor(withTimeouts(driver, { time: manualTime() }));
        const seen = outcome(calls[name]?.({ signal: stop.signal }) ?? Promise.resolve());
        await settle();
        stop.abort(reason);
        await settle();
        assert.equal(seen.error, isClosing(name) ? undefined : reason, name);
      }
    });
  }

  test("the signal of whoever uses it holds for every call, and onMoved hears of what ends", async () => {
    const stop = new AbortController();
    let moves = 0;
    const { driver, named } = hangingStorage();
    const user = { time: manualTime(), signal: stop.signal, onMoved: () => moves++ };
    const storage = withTimeouts(driver, user);
    const found = storage.findGroup(groupId(1));
    named("findGroup").end();
    await found;
    assert.equal(moves, 1);
    const seen = outcome(storage.inventory());
    stop.abort(new Error("enough"));
    await settle();
    assert.match(String(seen.error), /enough/);
    await assert.rejects(storage.inventory(), /enough/);
    assert.equal(moves, 1, "what was given up has not moved");
  });

  test("a call that says that it moves may take as long as it does", async () => {
    const time = manualTime();
    const { driver, named } = hangingStorage();
    const seen = outcome(withTimeouts(driver, { time }).deleteGroup({ groupId: groupId(1), owner }));
    for (let minute = 0; minute < 60; minute++) {
      named("deleteGroup").call.onMoved?.();
      await time.advance(60_000);
    }
    assert.equal(seen.isOver, false);
    await time.advance(2 * durableSeconds * 1000);
    assertTimeout(seen.error, "deleteGroup");
  });

  test("a clock that is set makes no standstill", async () => {
    const time = manualTime();
    let looks = 0;
    const jumping: ManualTime = { ...time, nowMs: () => time.nowMs() + looks++ * 365 * 86_400_000 };
    const { driver } = hangingStorage();
    const seen = outcome(withTimeouts(driver, { time: jumping }).inventory());
    await time.advance(answerSeconds * 500);
    assert.equal(seen.isOver, false);
  });

  for (const [name, close] of [
    ["openVolume", "close"],
    ["stageVolume", "close"],
    ["openSnapshot", "closeSnapshot"],
    ["readSnapshot", "close"],
    ["openMirrorExtent", "discard"],
  ] as const) {
    test(`what ${name} gives after it was given up is closed`, async () => {
      const time = manualTime();
      const { driver, named, openable, calls } = hangingStorage();
      const seen = outcome(callsOf(withTimeouts(driver, { time }))[name]());
      await time.advance(answerSeconds * 1000);
      assertTimeout(seen.error, name);
      assert.ok(!calls.some((call) => call.name === close));
      named(name).end(openable(name));
      await settle();
      assert.ok(calls.some((call) => call.name === close));
    });
  }

  test("what hangs is closed after the call that hangs, nobody waits for that, and no other call joins it", async () => {
    const time = manualTime();
    const { driver, named, calls } = hangingStorage((name) => name === "read");
    const snapshot = await withTimeouts(driver, { time }).readSnapshot(handle);
    const seen = outcome(snapshot.read(0, bytes));
    await time.advance(answerSeconds * 1000);
    assertTimeout(seen.error, "read");
    await assert.rejects(snapshot.extentMap(), { code: "TIMEOUT" });
    await snapshot.close();
    assert.ok(!calls.some(({ name }) => name === "close" || name === "extentMap"));
    named("read").end();
    await settle();
    assert.ok(calls.some(({ name }) => name === "close"));
  });

  test("what was called off is closed when the call has let go, and whoever closes it waits for that", async () => {
    const { driver, named, calls } = hangingStorage((name) => name === "flush");
    const stop = new AbortController();
    const volume = await withTimeouts(driver, { time: manualTime(), signal: stop.signal }).openVolume("v", "write");
    const flushed = outcome(volume.flush());
    stop.abort(new Error("enough"));
    await settle();
    const closed = outcome(volume.close());
    await settle();
    assert.match(String(flushed.error), /enough/);
    assert.equal(closed.isOver, false);
    named("flush").end();
    await settle();
    assert.equal(closed.isOver, true);
    assert.ok(calls.some(({ name }) => name === "close"));
  });
});
