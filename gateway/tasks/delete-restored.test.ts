import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type GroupId, groupIdOf, restoreIdOf, runIdOf } from "../../core/api/ids.ts";
import { objectSpecSchema } from "../../core/api/object-spec.ts";
import { isRunTask, taskSchema } from "../../core/api/task.ts";
import { recordingLog } from "../agent/testing.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { openStorage } from "../storage/open.ts";
import { performTask } from "./perform.ts";
import { servesNothing } from "./serves-nothing.ts";
import { identity, instant, planId, runId, runTaskFields, siteA } from "./testing.ts";

const owner = { planId, source: siteA };
const restored = (hour: number): GroupId => groupIdOf(restoreIdOf(planId, instant(`2026-03-02T0${hour}:00:00.000Z`)));

/** Of a VM with a disk that is named by itself as well, a group taken at its own site. */
describe("the task that deletes what a restore has made", () => {
  let dir = "";
  let storage: StorageDriver;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "gateway-restored-"));
    storage = await openStorage({ kind: "extentstore", dir });
    const specs = [
      { kind: "volume", name: "data", size: "1MiB" },
      { kind: "vm", name: "web", memory: "1GiB", disks: [{ volume: "data" }] },
    ];
    await storage.administration?.createObjects(specs.map((spec) => objectSpecSchema.parse(spec)));
    await perform({ kind: "snapshot", step: "snapshotting", objects: await entries() });
  });
  after(async () => {
    await storage.close();
    await rm(dir, { recursive: true });
  });

  const entries = async () => (await storage.inventory()).map(({ kind, id, name }) => ({ kind, id, name }));
  const perform = async (fields: object) => {
    const task = taskSchema.parse({ ...runTaskFields, target: siteA, ...fields });
    assert(isRunTask(task));
    return performTask(task, {
      ...servesNothing,
      ...{ storage, identity, now: () => runTaskFields.issuedAt, log: recordingLog() },
      ...{ signal: new AbortController().signal, onMoved: () => undefined, onProgress: () => undefined },
      ...{ onAcknowledged: () => undefined, send: () => Promise.reject(new Error("nothing is sent here")) },
    });
  };
  /** The disk first: it becomes the VM's. */
  const rebuild = async (hour: number) => {
    const made = [];
    for (const object of (await entries()).filter(({ name }) => name === "data" || name === "web").reverse()) {
      const step = { kind: "rebuild", step: "rebuilding", fromGroupId: groupIdOf(runId), groupId: restored(hour) };
      const result = await perform({ ...step, object, name: `again-${hour}-${object.name}` });
      assert(result.kind === "rebuild");
      made.push({ kind: result.object.kind, id: result.object.id });
    }
    return made.toSorted((one) => (one.kind === "vm" ? 1 : -1));
  };
  const remove = (told: object) =>
    perform({
      kind: "reclaim",
      step: "deleting",
      groupIds: [],
      groupId: groupIdOf(runIdOf(planId, instant("2026-03-03T00:00:00.000Z"))),
      restored: told,
    });

  test("has it gone, a disk by itself with its VM, and done again finds it done", async () => {
    const before_ = await entries();
    const told = { groupId: restored(1), objects: await rebuild(1) };
    assert((await entries()).length > before_.length);
    for (const _ of ["once", "again"]) {
      const { kind } = await remove(told);
      assert.equal(kind, "reclaim");
      assert.deepEqual(await entries(), before_);
    }
    assert.equal((await storage.listGroups(owner)).length, 1);
  });

  test("is refused for what that restore has not made, and all of it stays", async () => {
    const originals = (await entries()).map(({ kind, id }) => ({ kind, id }));
    const objects = await rebuild(2);
    const there = await entries();
    for (const wrong of [
      { groupId: restored(3), objects },
      { groupId: restored(2), objects: originals },
      { groupId: groupIdOf(runId), objects },
    ]) {
      await assert.rejects(remove(wrong), { code: "NOT_OURS" });
    }
    assert.deepEqual(await entries(), there);
    await remove({ groupId: restored(2), objects });
  });

  test("takes what nobody was told of along, where the rest is meant, and a late task makes it no more", async () => {
    const before_ = await entries();
    const [data, ...untold] = await rebuild(6);
    assert(data !== undefined && untold.length > 0);
    for (const _ of ["once", "again"]) {
      await remove({ groupId: restored(6), objects: [data], rest: true });
      assert.deepEqual(await entries(), before_);
    }
    await assert.rejects(rebuild(6), { code: "GROUP_ABORTED" });
    await remove({ groupId: restored(7), objects: [], rest: true });
    await assert.rejects(rebuild(7), { code: "GROUP_ABORTED" });
    assert.deepEqual(await entries(), before_);
  });

  test("waits for the run that has one of them", async () => {
    const objects = await rebuild(4);
    const told = { groupId: restored(4), objects };
    const there = await entries();
    await assert.rejects(remove({ ...told, lockedBy: runId }), { code: "OBJECT_LOCKED" });
    assert.deepEqual(await entries(), there);
    await remove(told);
  });

  test("is refused for a VM that is on, and works when it is off", async () => {
    const objects = await rebuild(5);
    const told = { groupId: restored(5), objects };
    const vm = objects.find(({ kind }) => kind === "vm");
    assert(vm !== undefined);
    await storage.administration?.setPower(vm, "on");
    await assert.rejects(remove(told), { code: "OBJECT_BUSY" });
    assert((await entries()).some(({ id }) => id === vm.id));
    await storage.administration?.setPower(vm, "off");
    await remove(told);
    assert(!(await entries()).some(({ id }) => id === vm.id));
  });
});
