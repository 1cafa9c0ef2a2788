import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer, RunObject } from "../../core/api/answers.ts";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, siteIdSchema, stagedIdsOf } from "../../core/api/ids.ts";
import type { Run, TargetRun } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { partKey } from "../documents/records.ts";
import { handleSweep } from "../sweep.ts";

const siteC = siteIdSchema.parse("c");
const sites = [siteA, siteB, siteC];

const groupsAt = async (api: TestApi, site: string): Promise<readonly Group[]> =>
  (await api.send<Page<Group>>("GET", `/v1/plans/nightly/groups?site=${site}`)).body.items;

/** Sites a, b and c, of which a and b have a group of the nightly plan. */
const withGroup = async (runs = 1, changes: object = {}) => {
  const api = await createTestApi();
  await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
  await createNightlyPlan(api, changes);
  for (let run = 0; run < runs; run += 1) {
    await api.send("POST", "/v1/plans/nightly/run");
    await workAt(api, sites);
    api.pass(60);
  }
  const [group] = await groupsAt(api, "b");
  assert.ok(group !== undefined);
  return { api, groupId: group.id };
};

const wish = (groupId: GroupId, more: object = {}) => ({
  ...{ type: "clone", groupId, fromSiteId: "b", siteId: "c" },
  ...more,
});

const clone = async (api: TestApi, groupId: GroupId, more: object = {}): Promise<Run> => {
  const { status, body } = await api.send<Run>("POST", "/v1/restores", wish(groupId, more));
  assert.equal(status, 201, JSON.stringify(body));
  return body;
};

const look = async (api: TestApi, { id }: Pick<Run, "id">): Promise<RunAnswer> =>
  (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;

/** Does what there is to do at the sites, and gives all of it, in its order. */
const workAll = async (api: TestApi, isDone: (task: RunTask) => boolean = () => true): Promise<readonly RunTask[]> => {
  const all: RunTask[] = [];
  for (let round = 0; round < 50; round += 1) {
    const tasks = sites.flatMap((site) => takeTasks(api, site));
    all.push(...tasks);
    for (const task of tasks) if (isDone(task)) await complete(api, task);
    if (tasks.length === 0) return all;
  }
  return assert.fail("there is always more to do");
};

const partOf = async (api: TestApi, { id }: Pick<Run, "id">): Promise<TargetRun | undefined> =>
  (await api.deps.store.get<TargetRun>(partKey(id, siteC)))?.body;

describe("a clone", () => {
  test("is sent by the site that has the group, made at the other one, and nothing of it is kept there", async () => {
    const { api, groupId } = await withGroup();
    const run = await clone(api, groupId);
    assert.deepEqual([run.kind, run.sender, run.source], ["clone", "b", "a"]);
    const [held] = await groupsAt(api, "b");
    assert.deepEqual(held?.holds, [run.id]);
    const tasks = await workAll(api);
    assert.deepEqual(
      tasks.map(({ kind, siteId, index }) => `${kind} ${index} at ${siteId}`),
      [
        ...["prepare 0 at c", "prepare 1 at c", "transfer 0 at b", "transfer 1 at b"],
        ...["publish 0 at c", "rebuild 0 at c", "rebuild 1 at c", "unstage 0 at c"],
      ],
    );
    const staged = stagedIdsOf(run.id);
    for (const task of tasks) {
      const isOfPlan = task.kind === "rebuild";
      assert.equal(task.planId === staged.planId, !isOfPlan, task.kind);
      assert.equal(task.groupId === staged.groupId, !isOfPlan, task.kind);
      if (task.kind === "prepare") assert.deepEqual([task.sender, task.staged], ["b", { seed: null }]);
      if (task.kind === "rebuild") assert.deepEqual(task.fromGroupId, staged.groupId);
      if (task.kind === "transfer") {
        const [volume] = task.volumes;
        assert.ok(volume !== undefined && "from" in volume);
        assert.deepEqual([task.receiver, task.baseGroupId, volume.from.groupId], ["c", null, groupId]);
      }
    }
    const { status, targets } = await look(api, run);
    assert.deepEqual([status, targets[0]?.base?.why], ["succeeded", "nothing-there"]);
    assert.equal((await partOf(api, run))?.unsettled, undefined);
    assert.deepEqual((await groupsAt(api, "b"))[0]?.holds, []);
    assert.deepEqual(await groupsAt(api, "c"), [], "what is staged is no restore point");
    const { body } = await api.send<Page<RunObject>>("GET", `/v1/runs/${run.id}/objects?target=c`);
    assert.deepEqual(
      body.items.map(({ name, rebuilt }) => [name, rebuilt?.name]),
      [
        ["db", "rebuilt-db"],
        ["web", "rebuilt-web"],
      ],
    );
    assert.deepEqual(api.errors, []);
  });

  test("of some objects sends their volumes alone", async () => {
    const { api, groupId } = await withGroup();
    await clone(api, groupId, { objects: ["web"] });
    const tasks = await workAll(api);
    const sent = tasks.flatMap((task) => (task.kind === "transfer" ? task.volumes : []));
    assert.deepEqual(
      sent.map((volume) => "from" in volume && volume.sourceVolumeId),
      ["volume-web"],
    );
    assert.deepEqual(
      tasks.flatMap((task) => (task.kind === "rebuild" ? [task.name] : [])),
      ["rebuilt-web"],
    );
  });

  test("starts from the restore point nearest to it that both sites have, and holds that as well", async () => {
    const targets = ["b", "c"].map((site) => ({ site, retention: { keepLast: 5 }, switches: { "vds-0": "ovs" } }));
    const { api, groupId } = await withGroup(2, { targets });
    const [, older] = await groupsAt(api, "c");
    assert.ok(older !== undefined);
    // The site has lost the very group that is cloned.
    const [newest] = await groupsAt(api, "c");
    assert.equal(newest?.id, groupId);
    await api.deps.store.deleteAll([{ partition: `PLAN#${newest?.planId}`, sort: `GROUP#c#${groupId}` }]);
    const run = await clone(api, groupId);
    assert.deepEqual((await groupsAt(api, "c"))[0]?.holds, [run.id]);
    const tasks = await workAll(api);
    const bases = tasks.flatMap((task) => (task.kind === "transfer" ? [task.baseGroupId] : []));
    assert.deepEqual(bases, [older.id, older.id]);
    const seeds = tasks.flatMap((task) => (task.kind === "prepare" ? [task.staged?.seed?.groupId] : []));
    assert.deepEqual(seeds, [older.id, older.id]);
    assert.equal((await look(api, run)).targets[0]?.base?.why, "shared");
    assert.deepEqual((await groupsAt(api, "c"))[0]?.holds, []);
  });

  test("to a site of another multi-cluster is refused, and leaves no trace", async () => {
    const { api, groupId } = await withGroup();
    await api.send("POST", "/v1/sites", { id: "far", multiCluster: "other" });
    const before = await api.dump();
    const far = await api.send("POST", "/v1/restores", wish(groupId, { siteId: "far" }));
    assert.equal(far.body.error.code, "SITE_IN_OTHER_MULTI_CLUSTER");
    assert.equal(await api.dump(), before);
  });

  test("whose link breaks again and again fails after ten tries, and its site is told to remove what came", async () => {
    const { api, groupId } = await withGroup();
    const run = await clone(api, groupId);
    await workAll(api, ({ kind }) => kind !== "transfer");
    const reason = { code: "LINK_BROKEN", message: "The link broke." };
    let tries = 0;
    for (let round = 0; round < 20; round += 1) {
      api.pass(3600);
      await handleSweep(api.deps);
      const tasks = takeTasks(api, siteB).filter(({ runId, index }) => runId === run.id && index === 0);
      const [newest] = tasks.toSorted((one, other) => other.attempt - one.attempt);
      if (newest === undefined) continue;
      tries = Math.max(tries, newest.attempt);
      await report(api, newest, { kind: "failed", reason, retryable: true, progressed: false });
    }
    const { status, targets } = await look(api, run);
    assert.deepEqual([status, targets[0]?.reason?.code, tries], ["failed", "LINK_BROKEN", 10]);
    assert.ok(takeTasks(api, siteC).some(({ kind, runId }) => kind === "unstage" && runId === run.id));
    assert.deepEqual((await groupsAt(api, "b"))[0]?.holds, []);
  });

  test("at a site that has the very group is sent nothing", async () => {
    const { api, groupId } = await withGroup();
    const run = await clone(api, groupId, { siteId: "b", fromSiteId: "a" });
    assert.equal(run.sender, undefined);
    const tasks = await workAll(api);
    assert.deepEqual(
      tasks.map(({ kind }) => kind),
      ["rebuild", "rebuild"],
    );
    assert.ok(tasks.every((task) => task.kind === "rebuild" && task.fromGroupId === groupId));
    assert.equal((await look(api, run)).status, "succeeded");
  });

  test("is asked from where, when several sites have the group, and needs not be when one has", async () => {
    const { api, groupId } = await withGroup();
    const { status, body } = await api.send("POST", "/v1/restores", wish(groupId, { fromSiteId: undefined }));
    assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"]);
    assert.match(body.error.message, /Several sites have .*: a, b/);
    const stranger = await api.send("POST", "/v1/restores", wish(groupId, { fromSiteId: "c", siteId: "a" }));
    assert.equal(stranger.status, 201, "site a has it");
    const nowhere = groupId.replace(/.{3}Z$/, "999Z") as GroupId;
    const missing = await api.send("POST", "/v1/restores", wish(nowhere, { fromSiteId: undefined }));
    assert.deepEqual([missing.status, missing.body.error.code], [404, "GROUP_UNKNOWN"]);
  });

  for (const step of ["prepare", "transfer", "publish", "rebuild"] as const) {
    test(`that is cancelled while it is to ${step} leaves nothing, and its site is told so until it says so`, async () => {
      const { api, groupId } = await withGroup();
      const run = await clone(api, groupId);
      const held = await workAll(api, (task) => task.kind !== step);
      await api.send("POST", `/v1/runs/${run.id}/cancel`);
      const told = takeTasks(api, siteC);
      assert.deepEqual(
        told.map(({ kind }) => kind),
        ["unstage"],
      );
      assert.equal((await look(api, run)).status, "cancelled");
      assert.deepEqual((await groupsAt(api, "b"))[0]?.holds, []);
      // The message is lost.
      assert.equal((await partOf(api, run))?.unsettled, true);
      api.pass(120);
      await handleSweep(api.deps);
      const [again, ...others] = takeTasks(api, siteC);
      assert.ok(again?.kind === "unstage" && others.length === 0);
      // What is done late, by whoever had it, changes nothing any more.
      for (const task of held.filter(({ kind }) => kind === step)) await complete(api, task);
      await complete(api, again);
      assert.equal((await partOf(api, run))?.unsettled, undefined);
      api.pass(3600);
      await handleSweep(api.deps);
      const ofThis = (await workAll(api)).filter(({ runId }) => runId === run.id);
      assert.deepEqual(ofThis, []);
      assert.equal((await look(api, run)).status, "cancelled");
      assert.deepEqual(api.errors, []);
    });
  }

  test("is over when its site says that nothing is left, and not when another says so or it is not over", async () => {
    const { api, groupId } = await withGroup();
    const run = await clone(api, groupId);
    await workAll(api, ({ kind }) => kind !== "rebuild");
    await api.send("POST", `/v1/runs/${run.id}/cancel`);
    const [unstage] = takeTasks(api, siteC);
    assert.ok(unstage?.kind === "unstage");
    const said = { kind: "completed", result: { kind: "unstage" } };
    await report(api, { ...unstage, siteId: siteB }, said);
    await report(api, unstage, { kind: "completed", result: { kind: "abort" } });
    await report(api, unstage, {
      kind: "failed",
      reason: { code: "STORE_IN_USE", message: "." },
      retryable: true,
      progressed: false,
    });
    assert.equal((await partOf(api, run))?.unsettled, true);
    await report(api, unstage, said);
    assert.equal((await partOf(api, run))?.unsettled, undefined);
    const another = await clone(api, groupId);
    const early = { ...unstage, id: unstage.id.replace(run.id, another.id), runId: another.id };
    await report(api, early, said);
    assert.equal((await look(api, another)).status, "running");
  });
});
