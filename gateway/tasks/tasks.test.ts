import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, test } from "node:test";
import { groupIdOf, planIdSchema, runIdOf } from "../../core/api/ids.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Progress } from "../../core/api/run.ts";
import { isRunTask, type RunTask, taskResultSchema, taskSchema } from "../../core/api/task.ts";
import { recordingLog } from "../agent/testing.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { mirrorSetOf } from "../storage/mirror-set.ts";
import { openStorage } from "../storage/open.ts";
import type { SendVolume, TaskContext } from "./context.ts";
import { performTask } from "./perform.ts";
import { servesNothing } from "./serves-nothing.ts";
import { groupId, identity, instant, planId, progressOf, runTaskFields, siteA, siteB } from "./testing.ts";

const extentBytes = 1024 * 1024;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
const now = instant("2026-03-01T02:00:00.000Z");
const owner = { planId, source: siteA };
const secondGroupId = groupIdOf(runIdOf(planId, instant("2026-03-02T01:00:00.000Z")));

let dir = "";
let storage: StorageDriver;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gateway-tasks-"));
  storage = await openStorage({ kind: "extentstore", dir });
});
afterEach(async () => {
  await storage.close();
  await rm(dir, { recursive: true });
});

const context = (changes: Partial<TaskContext> = {}): TaskContext => ({
  ...servesNothing,
  storage,
  send: () => Promise.reject(new Error("nothing is sent here")),
  identity,
  now: () => now,
  log: recordingLog(),
  signal: new AbortController().signal,
  onMoved: () => undefined,
  onProgress: () => undefined,
  onAcknowledged: () => undefined,
  ...changes,
});

/** A task as it comes out of the queue. */
const taskOf = (fields: object): RunTask => {
  const task = taskSchema.parse({ ...runTaskFields, ...fields });
  assert.ok(isRunTask(task));
  return task;
};
/** What a task comes to, as the reports queue takes it. */
const perform = async (fields: object, changes: Partial<TaskContext> = {}) =>
  taskResultSchema.parse(await performTask(taskOf(fields), context(changes)));

const createVolume = (name: string, extents = 1) =>
  storage.createVolume({ name, kind: "volume", sizeBytes: extents * extentBytes, geometry });
const planObject = ({ kind, id, name }: ObjectConfig) => ({ kind, id, name });
const snapshotTask = (objects: readonly object[]) => ({ kind: "snapshot", step: "snapshotting", objects });
const fill = async (volumeId: string, byte: number) => {
  const volume = await storage.openVolume(volumeId, "write");
  await volume.write(0, new Uint8Array(4096).fill(byte));
  await volume.flush();
  await volume.close();
};

describe("the snapshot task", () => {
  test("leaves an object out that could not be told of, with its name", async () => {
    const [good, bad] = [await createVolume("good"), await createVolume("bad")];
    // As an older version made it, that asked nothing of names.
    const database = new DatabaseSync(join(dir, "store.sqlite"));
    database.prepare("UPDATE volumes SET name = ? WHERE name = 'bad'").run("n".repeat(256));
    database.close();
    const result = await perform(snapshotTask([planObject(good), planObject(bad)]));
    assert.ok(result.kind === "snapshot");
    assert.deepEqual(
      result.objects.map(({ config }) => config.id),
      [good.id],
    );
    const [warning, ...others] = result.warnings ?? [];
    assert.deepEqual([warning?.code, others], ["OBJECT_UNUSABLE", []]);
    assert.match(warning?.message ?? "", new RegExp(`${bad.id}.*its name has 256 characters`));
  });

  test("takes one group of all volumes, and answers in the order of the task's objects", async () => {
    const [v1, v2] = [await createVolume("v1"), await createVolume("v2", 2)];
    const result = await perform(snapshotTask([planObject(v2), planObject(v1)]));
    assert.ok(result.kind === "snapshot");
    assert.deepEqual(
      result.objects.map(({ config }) => config.name),
      ["v2", "v1"],
    );
    const group = await storage.findGroup(groupId);
    assert.equal(group?.takenAt, result.takenAt);
    for (const { config, snapshotIds } of result.objects) {
      const snapshotOf = (volumeId: string) =>
        group?.snapshots.find((other) => other.volumeId === volumeId)?.snapshotId;
      const expected: (string | undefined)[] = config.volumes.map(({ id }) => snapshotOf(id));
      assert.deepEqual(snapshotIds, expected);
    }
  });

  test("done again, gives the group that is there", async () => {
    const task = snapshotTask([planObject(await createVolume("v1"))]);
    const first = await perform(task);
    assert.deepEqual(await perform(task), first);
  });

  test("done again, gives the group with its objects as they were, whatever became of them", async () => {
    const [kept, gone] = [await createVolume("kept"), await createVolume("gone")];
    const task = snapshotTask([planObject(kept), planObject(gone)]);
    const first = await perform(task);
    await storage.deleteVolume(gone.id);
    assert.deepEqual(await perform(task), first);
  });

  test("done again after its group was deleted, makes no other one", async () => {
    const task = snapshotTask([planObject(await createVolume("v1"))]);
    await perform(task);
    await storage.deleteGroup({ groupId, owner });
    await assert.rejects(perform(task), { code: "GROUP_STALE", newestSequence: 1 });
    assert.equal(await storage.findGroup(groupId), undefined);
  });

  test("takes what is there, and tells what is gone with the newest group that has it", async () => {
    const [kept, lost] = [await createVolume("kept"), await createVolume("lost")];
    const task = snapshotTask([planObject(kept), planObject(lost)]);
    await perform(task);
    await storage.deleteVolume(lost.id);
    const second = { ...task, groupId: secondGroupId, sequence: 2 };
    const result = await perform(second);
    assert.ok(result.kind === "snapshot");
    assert.deepEqual(
      result.objects.map(({ config }) => config.name),
      ["kept"],
    );
    assert.deepEqual(result.gone, [{ ...planObject(lost), named: true, lastSequence: 1 }]);
    assert.deepEqual(await perform(second), result);
  });

  test("names all objects that are gone where nothing is left, and takes no group", async () => {
    const gone = ["x", "y"].map((name) => ({ kind: "lun", id: name, name: `disk ${name}` }));
    await assert.rejects(perform(snapshotTask(gone)), { code: "OBJECT_GONE", message: /disk x.*disk y/ });
    assert.equal(await storage.findGroup(groupId), undefined);
  });
});

describe("the transfer task", () => {
  const snapshotOf = async (extents: number) => {
    const result = await perform(snapshotTask([planObject(await createVolume("v1", extents))]));
    assert.ok(result.kind === "snapshot");
    return result.objects[0]?.snapshotIds[0] ?? assert.fail();
  };
  const transferTask = (snapshotId: string, fields: object = {}) => ({
    kind: "transfer",
    step: "transferring",
    volumes: [{ snapshotId, baseSnapshotId: "base", mirrorVolumeId: "m1" }],
    baseGroupId: null,
    compression: { enabled: true, level: 3 },
    endpoints: ["b1:1", "b2:1"],
    ...fields,
  });
  /** The storage, and which snapshots are open in it. */
  const watched = () => {
    const calls: string[] = [];
    const called =
      <Arg, T>(name: string, call: (arg: Arg) => Promise<T>) =>
      (arg: Arg) => {
        calls.push(name);
        return call(arg);
      };
    const opening: Partial<StorageDriver> = {
      openSnapshot: called("open", (id) => storage.openSnapshot(id)),
      closeSnapshot: called("close", (handle) => storage.closeSnapshot(handle)),
    };
    const driver = new Proxy(storage, {
      get: (target, name) => Reflect.get(opening, name) ?? Reflect.get(target, name, target),
    });
    return { calls, driver };
  };

  test("sends its volume by a snapshot that is opened once, and tells its size before that", async () => {
    const snapshotId = await snapshotOf(3);
    const { calls, driver } = watched();
    const whole = { extentsTotal: 3, bytesTotal: 3 * extentBytes };
    const [sending, done] = [
      progressOf({ ...whole, phase: "sending", bytesSent: 10 }),
      progressOf({ ...whole, phase: "done", extentsDone: 3, bytesSent: 100 }),
    ];
    const progresses: Progress[] = [];
    const send: SendVolume = async ({ shape, opening, ...request }, { onProgress }) => {
      const { snapshot, base } = await opening;
      assert.deepEqual(structuredClone(snapshot), snapshot);
      assert.equal(snapshot.snapshotId, snapshotId);
      assert.deepEqual([shape.snapshotId, shape.sizeBytes], [snapshotId, 3 * extentBytes]);
      assert.deepEqual([base, request.mirrorVolumeId, request.owner], [null, "m1", owner]);
      assert.deepEqual([request.endpoints, request.compression.level], [["b1:1", "b2:1"], 3]);
      assert.deepEqual(calls, ["open"]);
      onProgress(sending);
      return done;
    };
    const onProgress = (progress: Progress) => progresses.push(progress);
    const result = await perform(transferTask(snapshotId), { storage: driver, send, onProgress });
    assert.deepEqual(result, { kind: "transfer", progress: done });
    assert.deepEqual(progresses, [progressOf({ ...whole, phase: "waiting" }), sending, done]);
    assert.deepEqual(calls, ["open", "close"]);
  });

  test("closes its snapshot also when nothing comes of the sending", async () => {
    const snapshotId = await snapshotOf(1);
    const { calls, driver } = watched();
    const failing: SendVolume = () => Promise.reject(new Error("the link broke"));
    await assert.rejects(perform(transferTask(snapshotId), { storage: driver, send: failing }), /the link broke/);
    assert.deepEqual(calls, ["open", "close"]);
  });

  test("what was sent counts though its snapshot can't be closed, and why it failed is what is told", async () => {
    const snapshotId = await snapshotOf(1);
    const closeSnapshot = () => Promise.reject(new Error("it is not closed"));
    const driver = new Proxy(storage, {
      get: (target, name) => (name === "closeSnapshot" ? closeSnapshot : Reflect.get(target, name, target)),
    });
    const log = recordingLog();
    const done = progressOf({ phase: "done" });
    const sent = await perform(transferTask(snapshotId), { storage: driver, log, send: async () => done });
    assert.deepEqual(sent, { kind: "transfer", progress: done });
    assert.ok(log.lines.some(({ message }) => message.includes("could not be closed")));
    const failing: SendVolume = () => Promise.reject(new Error("the link broke"));
    await assert.rejects(perform(transferTask(snapshotId), { storage: driver, send: failing }), /the link broke/);
  });

  test("a snapshot that is gone fails before anything is sent", async () => {
    await assert.rejects(perform(transferTask("gone")), { code: "SNAPSHOT_UNKNOWN" });
  });

  test("another plan's snapshot is not sent, whoever names it", async () => {
    const [volume] = (await createVolume("theirs")).volumes;
    const another = { ...owner, planId: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAW") };
    const theirs = groupIdOf(runIdOf(another.planId, instant("2026-03-01T01:00:00.000Z")));
    const volumeIds = [volume?.id ?? ""];
    const group = await storage.snapshotGroup({ groupId: theirs, owner: another, volumeIds });
    const ours = await snapshotOf(1);
    const sent: string[] = [];
    const send: SendVolume = async ({ opening }) => {
      const { snapshot } = await opening;
      sent.push(snapshot.snapshotId);
      return progressOf({ phase: "done" });
    };
    const snapshotId = group.snapshots[0]?.snapshotId ?? "";
    for (const fields of [{}, { groupId: theirs }]) {
      await assert.rejects(perform({ ...transferTask(snapshotId), ...fields }, { send }), { code: "NOT_OURS" });
    }
    await perform(transferTask(ours), { send });
    assert.deepEqual(sent, [ours]);
  });

  test("another plan's snapshot is not opened as a base, and nothing is sent then", async () => {
    const [volume] = (await createVolume("their base")).volumes;
    const another = { ...owner, planId: planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAW") };
    const theirs = groupIdOf(runIdOf(another.planId, instant("2026-03-02T01:00:00.000Z")));
    const group = await storage.snapshotGroup({ groupId: theirs, owner: another, volumeIds: [volume?.id ?? ""] });
    const ours = await snapshotOf(1);
    const baseSnapshotId = group.snapshots[0]?.snapshotId ?? null;
    const task = transferTask(ours);
    const volumes = [{ snapshotId: ours, baseSnapshotId, mirrorVolumeId: "m1" }];
    const send: SendVolume = async ({ opening }) => {
      await opening;
      assert.fail("something is sent");
    };
    for (const baseGroupId of [runTaskFields.groupId, theirs]) {
      await assert.rejects(perform({ ...task, volumes, baseGroupId }, { send }), { code: "NOT_OURS" });
    }
  });

  test("goes to the receiver, which need not be the run's target", async () => {
    const snapshotId = await snapshotOf(1);
    const receivers: string[] = [];
    const send: SendVolume = async ({ receiver }) => {
      receivers.push(receiver);
      return progressOf({ phase: "done" });
    };
    await perform(transferTask(snapshotId), { send });
    await perform(transferTask(snapshotId, { receiver: "c" }), { send });
    assert.deepEqual(receivers, [siteB, "c"]);
  });

  test("has one volume, and no more", () => {
    const volume = { snapshotId: "s", baseSnapshotId: null, mirrorVolumeId: "m" };
    const parsed = taskSchema.safeParse({ ...runTaskFields, ...transferTask("s"), volumes: [volume, volume] });
    assert.equal(parsed.success, false);
  });
});

describe("the tasks at the target", () => {
  const source = {
    kind: "volume",
    id: "source-v1",
    name: "v1",
    volumes: [{ id: "source-v1", sizeBytes: 2 * extentBytes, geometry }],
  };
  const prepareTask = { kind: "prepare", step: "preparing", object: source, siteId: siteB };
  const manifest = {
    planId,
    planName: "daily",
    source: siteA,
    groupId,
    sequence: 1,
    takenAt: instant("2026-03-01T01:00:01.000Z"),
    objects: [source],
  };
  const assertManifest = (found: Manifest | undefined) => {
    const { mappings: _, ...rest } = found ?? assert.fail();
    assert.deepEqual(rest, { version: 3, ...manifest });
  };
  const prepared = async () => {
    const result = await perform(prepareTask);
    assert.ok(result.kind === "prepare");
    const [volume] = result.volumes;
    assert.ok(volume);
    return volume;
  };
  /** A mirror that has taken a first group of zeros, ready to be published. */
  const complete = async (mirrorVolumeId: string) => {
    const run = { groupId, sequence: 1, sender: siteA };
    const options = { owner, mirrorVolumeId, ...run, baseGroupId: null, sizeBytes: 2 * extentBytes, geometry };
    const { epoch } = await storage.openMirror(options);
    await storage.completeMirror({ mirrorVolumeId, epoch });
  };
  const publishTask = (volume: object) => ({
    kind: "publish",
    step: "publishing",
    siteId: siteB,
    mirrors: [{ index: 0, volumes: [volume] }],
    manifest,
  });
  const published = async () => {
    const volume = await prepared();
    await complete(volume.mirrorVolumeId);
    return perform(publishTask(volume));
  };

  test("prepare makes the object's mirror, and done again gives the same one", async () => {
    const volume = await prepared();
    assert.equal(volume.sourceVolumeId, "source-v1");
    assert.deepEqual(await prepared(), volume);
    const [mirror] = await storage.inventory();
    assert.equal(mirror?.origin?.role, "mirror");
  });

  test("prepare grants the mirror to the site that it is told of, or to the one that the plan protects", async () => {
    const grantOf = async (mirrorVolumeId: string) => (await storage.findMirrorVolume(mirrorVolumeId))?.grant;
    const { mirrorVolumeId } = await prepared();
    assert.deepEqual(await grantOf(mirrorVolumeId), { groupId, sequence: 1, sender: siteA });
    await perform({ ...prepareTask, sender: "c" });
    assert.deepEqual(await grantOf(mirrorVolumeId), { groupId, sequence: 1, sender: "c" });
  });

  test("publish makes one restore point of all mirrors, with its manifest and size", async () => {
    const result = await published();
    assert.deepEqual(result, {
      ...{ kind: "publish", publishedAt: now, sizeBytes: 2 * extentBytes },
      rebuild: [{ how: "snapshot", seconds: 0, objects: 1 }],
    });
    const group = await storage.findGroup(groupId);
    assert.equal(group?.takenAt, manifest.takenAt);
    const [foreign] = await storage.manifests();
    assertManifest(foreign?.manifest);
    assert.deepEqual(foreign?.owner, owner);
  });

  test("publish need neither name the mirrors nor tell again what was prepared, and comes to the same manifest", async () => {
    const prepare = await perform(prepareTask);
    assert.ok(prepare.kind === "prepare" && prepare.keepsConfig);
    const ids = prepare.volumes.map(({ mirrorVolumeId }) => mirrorVolumeId);
    await complete(ids[0] ?? "");
    const task = { ...publishTask({}), mirrors: mirrorSetOf(ids), manifest: { ...manifest, objects: [null] } };
    const others = { ...task, mirrors: mirrorSetOf([...ids, "another"]) };
    await assert.rejects(perform(others), { code: "GROUP_INCOMPLETE", retryable: false });
    const result = await perform(task);
    assert.deepEqual(result, {
      ...{ kind: "publish", publishedAt: now, sizeBytes: 2 * extentBytes },
      rebuild: [{ how: "snapshot", seconds: 0, objects: 1 }],
    });
    assertManifest((await storage.manifests())[0]?.manifest);
    assert.deepEqual(await perform(task), result);
  });

  test("publish has its gateway sign what is kept, at the instant that it tells", async () => {
    const volume = await prepared();
    await complete(volume.mirrorVolumeId);
    const asked: Parameters<NonNullable<TaskContext["prove"]>>[0][] = [];
    const proof = { statement: "s", signature: "x", certificatePem: "p" };
    const prove: TaskContext["prove"] = (group) => {
      asked.push(group);
      return proof;
    };
    const result = await perform(publishTask(volume), { prove });
    assert.equal(result.kind === "publish" && result.publishedAt, now);
    const [kept] = await storage.foreignGroups();
    assert.deepEqual(asked, [{ ...kept?.group, publishedAt: now }]);
    assert.deepEqual(kept?.proof, proof);
  });

  test("publish done again gives the same restore point", async () => {
    const volume = await prepared();
    await complete(volume.mirrorVolumeId);
    const first = await perform(publishTask(volume));
    assert.deepEqual(await perform(publishTask(volume)), first);
  });

  test("publish of a slot that another run has published is refused, and so is a late one after the deletion", async () => {
    const volume = await prepared();
    await complete(volume.mirrorVolumeId);
    await perform(publishTask(volume));
    await assert.rejects(perform({ ...publishTask(volume), sequence: 2 }), { code: "GROUP_EXISTS" });
    await storage.deleteGroup({ groupId, owner });
    await assert.rejects(perform(publishTask(volume)), { code: "GROUP_STALE" });
  });

  test("prepare of a slot that another run has published is refused before anything is sent", async () => {
    await published();
    await assert.rejects(perform({ ...prepareTask, sequence: 2 }), { code: "GROUP_EXISTS" });
  });

  test("a mirror that is not complete is not published", async () => {
    await assert.rejects(perform(publishTask(await prepared())), { code: "GROUP_INCOMPLETE" });
    assert.equal(await storage.findGroup(groupId), undefined);
  });

  test("abort fences the writer off, and the group is never published", async () => {
    const volume = await prepared();
    await complete(volume.mirrorVolumeId);
    const abortTask = { kind: "abort", step: "transferring", siteId: siteB };
    assert.deepEqual(await perform(abortTask), { kind: "abort" });
    assert.deepEqual(await perform(abortTask), { kind: "abort" });
    await assert.rejects(perform(publishTask(volume)), { code: "GROUP_ABORTED" });
  });

  test("rebuild makes one ordinary object, however often it is done", async () => {
    await published();
    const restoreId = runIdOf(planId, instant("2026-03-02T00:00:00.000Z"));
    const rebuildTask = {
      kind: "rebuild",
      step: "rebuilding",
      siteId: siteB,
      groupId: groupIdOf(restoreId),
      fromGroupId: groupId,
      object: source,
      name: "restored-v1",
    };
    const first = await perform(rebuildTask);
    assert.ok(first.kind === "rebuild");
    assert.equal(first.object.name, "restored-v1");
    assert.notEqual(first.object.origin?.role, "mirror");
    assert.deepEqual(await perform(rebuildTask), first);
    assert.equal((await storage.inventory()).filter(({ name }) => name === "restored-v1").length, 1);
  });

  test("rebuild restores nothing under another machine's name, and goes by the manifest of the group alone", async () => {
    await published();
    const groupIdOfRestore = groupIdOf(runIdOf(planId, instant("2026-03-02T00:00:00.000Z")));
    const restore = (more: object) =>
      perform({
        ...{ kind: "rebuild", step: "rebuilding", siteId: siteB, groupId: groupIdOfRestore, fromGroupId: groupId },
        ...more,
      });
    const { kind, id } = source;
    await assert.rejects(restore({ object: { kind, id, name: "other" }, name: "v1" }), { code: "OBJECT_UNKNOWN" });
    await assert.rejects(restore({ object: { kind, id: "other" }, name: "dr-v1" }), { code: "SNAPSHOT_UNKNOWN" });
    const volumes = [{ ...source.volumes[0], id: "another-machine" }];
    const made = await restore({ object: { ...source, volumes }, name: "dr-v1" });
    assert.ok(made.kind === "rebuild");
    assert.equal(made.object.name, "dr-v1");
  });
});

describe("the rebuild task at the site that was protected", () => {
  test("makes what the group was taken of, as the group has kept it", async () => {
    const v1 = await createVolume("v1");
    await fill(v1.id, 1);
    await perform(snapshotTask([planObject(v1)]));
    await fill(v1.id, 2);
    const { kind, id } = v1;
    const restore = {
      ...{
        kind: "rebuild",
        step: "rebuilding",
        groupId: groupIdOf(runIdOf(planId, instant("2026-03-02T00:00:00.000Z"))),
      },
      ...{ fromGroupId: groupId, object: { kind, id, name: "v1" }, name: "as-it-was" },
    };
    const made = await perform(restore);
    assert.ok(made.kind === "rebuild" && made.object.origin?.role === "rebuilt");
    const reader = await storage.openVolume(made.object.id, "read");
    const bytes = Buffer.alloc(16);
    await reader.read(0, bytes);
    await reader.close();
    assert.deepEqual(bytes, Buffer.alloc(16, 1));
    const other = { kind, id: "volume-other", name: "other" };
    await assert.rejects(perform({ ...restore, object: other }), { code: "SNAPSHOT_UNKNOWN" });
  });
});

describe("the reclaim task", () => {
  const second = secondGroupId;
  const reclaimTask = (groupIds: readonly string[], fields: object = {}) => ({
    kind: "reclaim",
    step: "reclaiming",
    groupIds,
    ...fields,
  });

  test("deletes the groups it is told to, and tells which are left", async () => {
    const v1 = await createVolume("v1");
    await fill(v1.id, 1);
    await perform(snapshotTask([planObject(v1)]));
    await perform({ ...snapshotTask([planObject(v1)]), groupId: second, sequence: 2 });
    const takenAt = (await storage.findGroup(second))?.takenAt;
    const groups = [{ groupId: second, sequence: 2, takenAt, volumeCount: 1, sizeBytes: extentBytes }];
    const expected = { kind: "reclaim", deleted: [groupId], present: [], groups };
    assert.deepEqual(await perform(reclaimTask([groupId])), expected);
    assert.deepEqual(await perform(reclaimTask([])), { ...expected, deleted: [] });
    assert.equal(await storage.findGroup(groupId), undefined);
    assert.ok(await storage.findGroup(second));
  });

  test("deletes nothing where a group is missing that is to be kept", async () => {
    await perform(snapshotTask([planObject(await createVolume("v1"))]));
    const result = await perform(reclaimTask([groupId], { keeps: [second] }));
    assert.ok(result.kind === "reclaim");
    assert.deepEqual([result.deleted, result.groups?.map((group) => group.groupId)], [[], [groupId]]);
    assert.ok(await storage.findGroup(groupId));
  });

  test("a group that is gone already counts as deleted", async () => {
    const expected = { kind: "reclaim", deleted: [groupId], present: [], groups: [] };
    assert.deepEqual(await perform(reclaimTask([groupId])), expected);
  });

  test("a group of another owner is not touched", async () => {
    const v1 = await createVolume("v1");
    await perform(snapshotTask([planObject(v1)]));
    await assert.rejects(perform(reclaimTask([groupId], { source: siteB })), { code: "NOT_OURS" });
    assert.ok(await storage.findGroup(groupId));
  });
});
