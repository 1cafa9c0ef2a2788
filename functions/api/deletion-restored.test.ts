import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../../core/api/answers.ts";
import type { AuditEntry } from "../../core/api/audit.ts";
import type { DeletionPreview } from "../../core/api/deletion/preview.ts";
import type { Group } from "../../core/api/group.ts";
import { failoverIdOf, gatewayIdSchema, groupIdOf, runIdSchema } from "../../core/api/ids.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { PlanPlace } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask, SpaceTask } from "../../core/api/task.ts";
import type { Page } from "../documents/page.ts";
import { applyToPlan } from "../engine/engine.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { takeLocks } from "../locks/locks.ts";
import { handleSweep } from "../sweep.ts";
import {
  createNightlyPlan,
  createTestApi,
  nightly,
  objectNamed,
  reportAlive,
  siteA,
  siteB,
  type TestApi,
} from "./testing.ts";
import { complete, groupsOn, report, takeTasks, workAt } from "./testing-gateway.ts";

const sites = [siteA, siteB];

/** A restore point at b, and what was rebuilt of it there. */
const rebuilt = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, sites);
  const [group] = (await api.send<Page<Group>>("GET", "/v1/groups?plan=nightly&site=b")).body.items;
  const restore = (await api.send<Run>("POST", "/v1/restores", { type: "rebuild", groupId: group?.id, siteId: "b" }))
    .body;
  const wish = { type: "restored", restoreId: restore.id, siteId: "b" };
  return { api, restore, wish };
};
const done = async () => {
  const { api, restore, wish } = await rebuilt();
  await workAt(api, sites);
  const [made] = (await preview(api, wish)).body.sites[0]?.objects ?? [];
  assert.ok(made);
  return { api, restore, wish, made };
};

const preview = (api: TestApi, wish: object) => api.send<DeletionPreview>("POST", "/v1/deletions/preview", wish);
const refused = async (api: TestApi, wish: object) =>
  (await api.send("POST", "/v1/deletions/preview", wish)).body.error?.code;
const confirm = async (api: TestApi, wish: object) => {
  const { confirmation } = (await preview(api, wish)).body;
  return (await api.send<{ run: Run }>("POST", "/v1/deletions", { wish, confirmation })).body.run;
};
const partOf = async (api: TestApi, run: Run) =>
  (await api.send<RunAnswer>("GET", `/v1/runs/${run.id}`)).body.targets[0];

/** The site says what it has. @returns what it is told to delete */
const told = async (api: TestApi): Promise<Extract<RunTask, { kind: "reclaim" }>> => {
  const [list] = takeTasks(api, siteB);
  assert.ok(list?.kind === "reclaim" && list.restored === undefined);
  await complete(api, list);
  const [task] = takeTasks(api, siteB);
  assert.ok(task?.kind === "reclaim");
  return task;
};

describe("deleting what a restore has made", () => {
  test("shows it, asks the site for its space, and has the site delete just that", async () => {
    const { api, restore, wish, made } = await done();
    assert.match(made.name, /^rebuilt-/);
    await reportAlive(api, siteB);
    await preview(api, { ...wish, objects: [made.name] });
    const [{ task: asked } = { task: undefined }] = api.deps.tasks.takeAll(siteB);
    const told_ = { groupId: groupIdOf(restore.id), objects: [{ kind: made.kind, id: made.id }] };
    assert.deepEqual((asked as SpaceTask).restored, told_);
    const run = await confirm(api, { ...wish, objects: [made.id] });
    api.deps.tasks.takeAll(siteA);
    const tasks = api.deps.tasks.takeAll(siteB).flatMap(({ task }) => (task.kind === "reclaim" ? [task] : []));
    for (const task of tasks) await complete(api, task);
    const [task] = takeTasks(api, siteB);
    assert.ok(task?.kind === "reclaim");
    assert.deepEqual([task.groupIds, task.mirrors, task.restored], [[], undefined, told_]);
    assert.equal((task as { format?: number }).format, newestMessageFormat, "gateways of before leave it alone");
    await complete(api, task);
    assert.equal((await partOf(api, run))?.state, "succeeded");
    assert.equal(groupsOn(api, siteB).size, 1);
    const { items } = (await api.send<Page<AuditEntry>>("GET", "/v1/audit")).body;
    assert.equal(items.filter(({ path }) => path === "/v1/deletions").length, 1);
    assert.deepEqual(api.errors, []);
  });

  test("done twice is done once: the site is told again, and has nothing of it", async () => {
    const { api, wish } = await done();
    for (const _ of [1, 2]) {
      const run = await confirm(api, wish);
      await workAt(api, sites);
      assert.equal((await partOf(api, run))?.state, "succeeded");
    }
  });

  test("is refused while the restore goes on, and for what it has not made, or not there", async () => {
    const { api, wish } = await rebuilt();
    assert.equal(await refused(api, wish), "PLAN_BUSY");
    await workAt(api, sites);
    assert.equal(await refused(api, { ...wish, objects: ["db"] }), "OBJECT_UNKNOWN");
    assert.equal(await refused(api, { ...wish, siteId: "a" }), "OBJECT_UNKNOWN");
    assert.equal(await refused(api, wish), undefined);
    const run = await confirm(api, wish);
    await workAt(api, sites);
    assert.equal(await refused(api, { ...wish, restoreId: run.id }), "OBJECT_UNKNOWN");
  });

  test("is refused for what a living plan of that site protects, by name or by a rule", async () => {
    const { api, wish, made } = await done();
    const { confirmation } = (await preview(api, wish)).body;
    await putInventoryPart(api.deps, {
      ...{ kind: "inventory", siteId: siteB, gatewayId: gatewayIdSchema.parse("gw-1"), generation: 1 },
      ...{ part: 0, parts: 1, observedAt: api.deps.clock.now() },
      objects: [{ ...objectNamed(made.name), kind: "lun", id: made.id }],
    });
    const plan = { ...nightly, name: "mine", source: "b", retention: { keepLast: 2 }, targets: [] };
    for (const objects of [[made], [{ kind: made.kind, match: "rebuilt-*" }]]) {
      const { status, body: created } = await api.send("POST", "/v1/plans", { ...plan, objects });
      assert.equal(status, 201, JSON.stringify(created));
      assert.equal(await refused(api, wish), "OBJECT_PROTECTED");
      const { body } = await api.send("POST", "/v1/deletions", { wish, confirmation });
      assert.equal(body.error.code, "OBJECT_PROTECTED");
      await api.send("DELETE", "/v1/plans/mine");
    }
    assert.equal(await refused(api, wish), undefined);
  });

  test("is refused while it stands for the objects of its plan", async () => {
    const { api, wish, restore } = await done();
    const { planId } = restore;
    const failoverId = failoverIdOf(planId, api.deps.clock.now());
    const put = async (place: Pick<PlanPlace, "siteId"> | undefined) => {
      const whole = place && { ...place, standIns: [restore.id], failoverId, since: api.deps.clock.now() };
      await applyToPlan(api.deps, planId, { type: "moving", failoverId });
      await applyToPlan(api.deps, planId, { type: "place", failoverId, place: whole });
      await applyToPlan(api.deps, planId, { type: "moved", failoverId });
    };
    for (const siteId of [siteB, siteA]) {
      await put({ siteId });
      assert.equal(await refused(api, wish), "OBJECT_PROTECTED");
    }
    await put(undefined);
    assert.equal(await refused(api, wish), undefined);
  });

  test("is refused while a rollback writes it, and waits for one that began after the confirmation", async () => {
    const { api, wish, made } = await done();
    const run = await confirm(api, wish);
    const other = (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
    const holder = { runId: runIdSchema.parse(other.id), siteId: siteB };
    assert.equal(await takeLocks(api.deps, holder, [made]), undefined);
    assert.equal(await refused(api, wish), "OBJECT_LOCKED");
    const task = await told(api);
    assert.equal(task.restored?.lockedBy, other.id);
    const reason = { code: "OBJECT_LOCKED", message: "It waits." };
    await report(api, task, { kind: "failed", reason, retryable: true, progressed: false });
    assert.equal((await partOf(api, run))?.state, "waiting");
  });

  test("is refused with the confirmation of anything else", async () => {
    const { api, wish, made } = await done();
    const { confirmation } = (await preview(api, wish)).body;
    const { body } = await api.send("POST", "/v1/deletions", { wish: { ...wish, objects: [made.id] }, confirmation });
    assert.equal(body.error.code, "PREVIEW_STALE");
  });
});

describe("a site that is told to delete what a restore has made", () => {
  test("has nothing else deleted by what it answers", async () => {
    const { api, wish } = await done();
    const run = await confirm(api, wish);
    const task = await told(api);
    const [group] = groupsOn(api, siteB);
    await report(api, task, {
      kind: "completed",
      result: { kind: "reclaim", deleted: [group], present: [], groups: [] },
    });
    assert.equal((await api.send<Page<Group>>("GET", "/v1/groups?plan=nightly&site=b")).body.items.length, 1);
    assert.equal((await partOf(api, run))?.state, "succeeded");
  });

  test("that refuses it has the run fail with its reason", async () => {
    const { api, wish } = await done();
    const run = await confirm(api, wish);
    const reason = { code: "NOT_OURS", message: "“db” was not made here by this restore: it stays." };
    await report(api, await told(api), { kind: "failed", reason, retryable: false, progressed: false });
    const part = await partOf(api, run);
    assert.deepEqual([part?.state, part?.reason?.code], ["failed", "NOT_OURS"]);
  });

  test("goes on by another gateway when one dies before it has deleted anything", async () => {
    const { api, wish } = await done();
    const run = await confirm(api, wish);
    await told(api);
    for (let minute = 0; minute < 5; minute += 1) {
      api.pass(60);
      await handleSweep(api.deps);
      await workAt(api, sites);
    }
    assert.equal((await partOf(api, run))?.state, "succeeded");
  });
});
