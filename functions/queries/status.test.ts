import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PlanAnswer } from "../../core/api/answers.ts";
import { instantSchema, siteIdSchema } from "../../core/api/ids.ts";
import { gatewayAbsentAfterSeconds } from "../../core/api/site.ts";
import type { PlanStatus, StatusAnswer, TargetStatus } from "../../core/api/status.ts";
import { createNightlyPlan, createTestApi, nightly, reportAlive, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { toldBy } from "../inventory/testing.ts";
import { findOverdue } from "../monitoring/overdue.ts";

const day = 24 * 60 * 60;

const started = async (changes: object = {}) => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api, changes);
  return { api, plan };
};

const statusOf = async (api: TestApi, query = "") => {
  const { status, body } = await api.send<StatusAnswer>("GET", `/v1/status${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

/** Of the one plan and its one target. */
const only = async (api: TestApi): Promise<TargetStatus & { readonly plan: PlanStatus }> => {
  const { items } = await statusOf(api);
  const [plan] = items;
  const [target] = plan?.targets ?? [];
  assert.ok(plan && target && items.length === 1);
  return { ...target, plan };
};

const alive = async (api: TestApi) => {
  for (const site of [siteA, siteB]) await reportAlive(api, site);
};

/** A run that comes to its end. */
const backUp = async (api: TestApi) => {
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, [siteA, siteB]);
};

const reason = { code: "STORE_CORRUPT", message: "The store can't be read." };
/** A run whose snapshot can't be taken. */
const failToBackUp = async (api: TestApi, why = reason) => {
  await api.send("POST", "/v1/plans/nightly/run");
  for (const task of takeTasks(api, siteA)) {
    await report(api, task, { kind: "failed", reason: why, retryable: false, progressed: false });
  }
  await workAt(api, [siteA, siteB]);
};

/** A run that a person cancels before it has come to anything. */
const cancelOne = async (api: TestApi) => {
  const { body } = await api.send<{ readonly id: string }>("POST", "/v1/plans/nightly/run");
  assert.equal((await api.send("POST", `/v1/runs/${body.id}/cancel`)).status, 200);
  await workAt(api, [siteA, siteB]);
};

describe("a plan's status at a target", () => {
  test("is never-run before a run, well after one, and says how old the newest restore point is", async () => {
    const { api } = await started();
    await alive(api);
    const before = await only(api);
    assert.deepEqual([before.state, before.newest, before.last, before.current], ["never-run", null, null, null]);
    assert.equal(before.plan.nextSlot, "2026-03-01T01:00:00.000Z");
    await backUp(api);
    api.pass(3600);
    const after = await only(api);
    assert.deepEqual([after.state, after.newest?.ageSeconds, after.last?.state], ["well", 3600, "succeeded"]);
    assert.equal(after.lateFrom, "2026-03-02T01:00:00.000Z");
  });

  test("is late by the judgement that the alarm goes by, to the second", async () => {
    const { api } = await started();
    await backUp(api);
    api.pass(day + 30 * 60);
    assert.deepEqual([(await only(api)).isLate, await findOverdue(api.deps)], [false, []]);
    api.pass(1);
    const { state, isLate, isFailing } = await only(api);
    assert.deepEqual([state, isLate, isFailing], ["late", true, false]);
    assert.equal((await findOverdue(api.deps)).length, 1);
  });

  test("is late in time though its site has dated the restore point in the future, and so does the alarm", async () => {
    for (const future of ["2026-03-01T00:40:01.000Z", "2026-03-02T20:00:00.000Z", "9999-12-31T23:59:59.999Z"]) {
      const { api } = await started();
      await api.send("POST", "/v1/plans/nightly/run");
      await workAt(api, [siteA, siteB], instantSchema.parse(future));
      api.pass(day + 30 * 60);
      const before = await only(api);
      assert.deepEqual([before.isLate, before.newest?.ageSeconds], [false, day + 30 * 60], future);
      api.pass(1);
      assert.deepEqual([(await only(api)).isLate, (await findOverdue(api.deps)).length], [true, 1], future);
      api.pass(2 * day);
      assert.deepEqual([(await only(api)).isLate, (await findOverdue(api.deps)).length], [true, 1], future);
    }
  });

  test("is failing for a reason of a code of 250,000 characters, and no list answers with that", async () => {
    const { api } = await started();
    const long = { code: "X".repeat(250_000), message: "y".repeat(250_000) };
    await failToBackUp(api, long);
    const { state, last } = await only(api);
    assert.deepEqual([state, last?.reason?.code, last?.reason?.message.length], ["failing", "INTERNAL", 2000]);
    for (const path of ["/v1/runs", "/v1/plans/nightly/runs", "/v1/status", `/v1/runs/${last?.runId}`]) {
      const { status, body } = await api.send<object>("GET", path);
      assert.ok(status === 200 && JSON.stringify(body).length < 10_000, path);
    }
  });

  test("is failing after a run that failed, with the reason, until one has succeeded", async () => {
    const { api } = await started();
    await backUp(api);
    api.pass(60);
    await failToBackUp(api);
    const failed = await only(api);
    assert.deepEqual([failed.state, failed.last?.state, failed.last?.reason], ["failing", "failed", reason]);
    assert.notEqual(failed.newest, null);
    api.pass(60);
    await backUp(api);
    assert.equal((await only(api)).state, "well");
  });

  test("is still failing while the next run goes on, and what was passed over changes nothing of that", async () => {
    const { api } = await started();
    await failToBackUp(api);
    await alive(api);
    for (let runs = 0; runs < 3; runs += 1) {
      api.pass(60);
      await api.send("POST", "/v1/plans/nightly/run");
    }
    await alive(api);
    const { state, current, last } = await only(api);
    assert.deepEqual(
      [state, current?.state, current?.waitsFor, last?.state],
      ["failing", "snapshotting", null, "failed"],
    );
  });

  test("is still failing after a run that was cancelled, until one succeeds", async () => {
    const { api } = await started();
    await backUp(api);
    api.pass(60);
    await failToBackUp(api);
    api.pass(60);
    await cancelOne(api);
    const { state, isFailing, last } = await only(api);
    assert.deepEqual([state, isFailing, last?.state, last?.reason], ["failing", true, "failed", reason]);
    api.pass(60);
    await backUp(api);
    assert.equal((await only(api)).state, "well");
  });

  test("tells of a run that was cancelled where none has come to anything else", async () => {
    const { api } = await started();
    await cancelOne(api);
    const { state, last } = await only(api);
    assert.deepEqual([state, last?.state], ["failing", "cancelled"]);
  });

  test("goes by the run that came last, though an earlier one has the instant of a clock that was ahead", async () => {
    const { api } = await started();
    await backUp(api);
    api.pass(400 * day);
    await failToBackUp(api);
    api.pass(-400 * day + 60);
    assert.equal((await only(api)).state, "failing");
    await backUp(api);
    const { state, last } = await only(api);
    assert.deepEqual([state, last?.state], ["well", "succeeded"]);
  });

  test("is failing though a run has succeeded while a clock was ahead", async () => {
    const { api } = await started();
    api.pass(400 * day);
    await backUp(api);
    api.pass(-400 * day + 60);
    await failToBackUp(api);
    const { isFailing, last } = await only(api);
    assert.deepEqual([isFailing, last?.state], [true, "failed"]);
  });

  test("is running while somebody works on it, and waiting while the gateways of a site are absent, which is named", async () => {
    const { api } = await started();
    await alive(api);
    await api.send("POST", "/v1/plans/nightly/run");
    assert.equal((await only(api)).state, "running");
    for (const task of takeTasks(api, siteA)) await complete(api, task);
    api.pass(gatewayAbsentAfterSeconds);
    await reportAlive(api, siteA);
    const { state, current } = await only(api);
    assert.equal(state, "waiting");
    assert.match(current?.waitsFor ?? "", /site “b”/);
    assert.deepEqual((await statusOf(api)).absentSites, ["b"]);
  });

  test("waits for its next try when the last one failed, and says why that failed", async () => {
    const { api } = await started();
    await alive(api);
    await api.send("POST", "/v1/plans/nightly/run");
    for (const task of takeTasks(api, siteA)) {
      await report(api, task, { kind: "failed", reason, retryable: true, progressed: false });
    }
    const { state, current } = await only(api);
    assert.deepEqual([state, current?.waitsFor?.includes(reason.message)], ["waiting", true]);
  });

  test("is suspended, and then neither late nor failing", async () => {
    const { api } = await started();
    await failToBackUp(api);
    await api.send("POST", "/v1/plans/nightly/suspend");
    api.pass(9 * day);
    const { state, isLate, isFailing, last, plan } = await only(api);
    assert.deepEqual(
      [state, isLate, isFailing, last?.state, plan.nextSlot],
      ["suspended", false, false, "failed", null],
    );
  });

  test("is never late where the plan runs by hand only", async () => {
    const { api } = await started({ schedule: undefined });
    api.pass(900 * day);
    const { state, lateFrom, plan } = await only(api);
    assert.deepEqual([state, lateFrom, plan.nextSlot], ["never-run", null, null]);
  });

  test("is damaged while its site says so of the newest restore point", async () => {
    const { api } = await started();
    await backUp(api);
    const groupId = (await only(api)).newest?.groupId ?? "";
    const damage = [{ groupId, volumeId: "v1", name: "web1", extents: 1 }];
    for (const part of toldBy({ siteId: siteB, at: Date.parse(api.deps.clock.now()), damage })) {
      await putInventoryPart(api.deps, part);
    }
    const { state, newest } = await only(api);
    assert.deepEqual([state, newest?.damage], ["damaged", [{ volumeId: "v1", name: "web1", extents: 1 }]]);
    api.pass(60);
    await backUp(api);
    assert.equal((await only(api)).state, "well");
  });

  test("is not late right after the change that it became due by, but two slots later, and the alarm goes by the same", async () => {
    type Before = { readonly suspended?: boolean; readonly schedule?: object | undefined };
    type Change = readonly [name: string, before: Before, change: (api: TestApi) => Promise<unknown>];
    const put = (api: TestApi, changes: object) => api.send("PUT", "/v1/plans/nightly", { ...nightly, ...changes });
    const cases: readonly Change[] = [
      ["a target is added", {}, (api) => put(api, { targets: [{ ...nightly.targets[0], site: "c" }] })],
      ["a schedule comes", { schedule: undefined }, (api) => put(api, {})],
      ["it comes more often", { schedule: { cycle: "monthly", day: 28 } }, (api) => put(api, {})],
      ["it is resumed", { suspended: true }, (api) => api.send("POST", "/v1/plans/nightly/resume")],
    ];
    for (const [name, { suspended = false, ...changes }, change] of cases) {
      const { api } = await started(changes);
      await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
      if (suspended) await api.send("POST", "/v1/plans/nightly/suspend");
      api.pass(20 * day);
      await change(api);
      assert.deepEqual([(await only(api)).isLate, await findOverdue(api.deps)], [false, []], name);
      api.pass(2 * day);
      assert.deepEqual([(await only(api)).isLate, (await findOverdue(api.deps)).length], [true, 1], name);
    }
  });

  test("of a snapshot plan is that of its source", async () => {
    const { api } = await started({ targets: [], retention: { keepLast: 2 } });
    await backUp(api);
    const { site, state, newest } = await only(api);
    assert.deepEqual([site, state, newest === null], ["a", "well", false]);
    api.pass(3 * day);
    assert.equal((await only(api)).state, "late");
    assert.equal((await findOverdue(api.deps)).length, 1);
  });

  test("looks for the last result behind any number of restores", async () => {
    const { api } = await started();
    await backUp(api);
    const newest = (await only(api)).newest;
    for (let restores = 0; restores < 30; restores += 1) {
      api.pass(1);
      const wanted = { type: "rebuild", groupId: newest?.groupId, siteId: "b", namePrefix: `r${restores}-` };
      assert.equal((await api.send("POST", "/v1/restores", wanted)).status, 201);
    }
    await workAt(api, [siteB]);
    assert.equal((await only(api)).last?.state, "succeeded");
  });
});

describe("a run that goes on for long at one target", () => {
  /** It is at work at b while so many after it come to their end at c, and are passed over at b. */
  const longAtB = async (runsAfter: number, before: (api: TestApi) => Promise<unknown> = async () => undefined) => {
    const { api } = await started();
    await before(api);
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const [target] = nightly.targets;
    const targets = [target, { ...target, site: "c" }];
    assert.equal((await api.send("PUT", "/v1/plans/nightly", { ...nightly, targets })).status, 200);
    for (let runs = 0; runs <= runsAfter; runs += 1) {
      api.pass(60);
      await api.send("POST", "/v1/plans/nightly/run");
      await workAt(api, [siteA, siteIdSchema.parse("c")]);
    }
    const found = (await statusOf(api)).items[0]?.targets.find(({ site }) => site === siteB);
    assert.ok(found);
    return found;
  };

  test("is told of, however many were passed over since", async () => {
    const { state, current } = await longAtB(80);
    assert.deepEqual([state, current?.state], ["waiting", "preparing"]);
    assert.match(current?.waitsFor ?? "", /site “b”/);
  });

  test("does not hide that the one before it has failed", async () => {
    const { state, last, current } = await longAtB(80, failToBackUp);
    assert.deepEqual([state, last?.reason, current?.state], ["failing", reason, "preparing"]);
  });
});

describe("the status of several plans", () => {
  const many = async () => {
    const { api } = await started();
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const [target] = nightly.targets;
    await api.send("POST", "/v1/plans", { ...nightly, name: "both", targets: [target, { ...target, site: "c" }] });
    await api.send("POST", "/v1/plans", { ...nightly, name: "gone" });
    await api.send("DELETE", "/v1/plans/gone");
    return api;
  };
  const shown = ({ items }: StatusAnswer) =>
    items.map(({ planName, targets }) => [planName, ...targets.map(({ site }) => site)]);

  test("comes in pages by name, without those that were deleted", async () => {
    const api = await many();
    assert.deepEqual(shown(await statusOf(api)), [
      ["both", "b", "c"],
      ["nightly", "b"],
    ]);
    const first = await statusOf(api, "?limit=1");
    assert.deepEqual(shown(first), [["both", "b", "c"]]);
    assert.deepEqual(shown(await statusOf(api, `?limit=1&cursor=${first.cursor}`)), [["nightly", "b"]]);
  });

  test("is that of one plan or one site where that is asked for, and an unknown one is an error", async () => {
    const api = await many();
    assert.deepEqual(shown(await statusOf(api, "?site=c")), [["both", "c"]]);
    assert.deepEqual(shown(await statusOf(api, "?plan=nightly")), [["nightly", "b"]]);
    for (const [query, code] of [
      ["site=d", "SITE_UNKNOWN"],
      ["plan=nightly&site=c", "SITE_UNKNOWN"],
      ["plan=nightl", "PLAN_UNKNOWN"],
      ["plan=gone", "PLAN_UNKNOWN"],
    ]) {
      const { status, body } = await api.send("GET", `/v1/status?${query}`);
      assert.deepEqual([status, body.error.code], [404, code]);
      assert.ok(body.error.hint);
    }
  });

  test("takes a few reads for each plan and target, however long their histories are", async () => {
    const { api } = await started();
    for (let runs = 0; runs < 12; runs += 1) {
      await backUp(api);
      api.pass(60);
    }
    let reads = 0;
    const { store } = api.deps;
    const counting =
      <A extends unknown[], R>(read: (...args: A) => R) =>
      (...args: A): R => {
        reads += 1;
        return read(...args);
      };
    const { get, query } = store;
    Object.assign(store, { get: counting(get), query: counting(query) });
    const { body } = await api.send<PlanAnswer>("GET", "/v1/status");
    Object.assign(store, { get, query });
    assert.ok(body);
    // The token, names, the plan, two sites' gateways, the newest runs and restore points.
    assert.ok(reads <= 8, `${reads} reads`);
  });
});
