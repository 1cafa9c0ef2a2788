import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GroupAnswer, RetentionAnswer, RunAnswer } from "../../core/api/answers.ts";
import type { RunTask } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, siteA, siteB } from "../api/testing.ts";
import { complete, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { readLocks } from "../locks/locks.ts";
import { loadRun } from "../runs/runs.ts";
import { handleSweep } from "../sweep.ts";

type Refusal = { readonly error: { readonly code: string; readonly message: string } };

/** A plan of the LUN `db` and the VM `web`, which has run once. */
const world = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  const run = async () => (await api.send<RunAnswer>("POST", "/v1/plans/nightly/run")).body;
  const { groupId } = await run();
  await workAt(api, [siteA, siteB]);
  const ask = <T = RunAnswer>(wishes: object = {}) =>
    api.send<T>("POST", "/v1/restores", { type: "rollback", groupId, discardChanges: true, ...wishes });
  const read = async (id: string) => (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;
  const groups = async () => (await api.send<Page<GroupAnswer>>("GET", "/v1/plans/nightly/groups?site=a")).body.items;
  const retention = async () => {
    const { body } = await api.send<RetentionAnswer>("GET", "/v1/plans/nightly/retention");
    return body.sites.find(({ site }) => site === "a")?.groups ?? [];
  };
  const fail = (task: RunTask, code: string, retryable = false) =>
    report(api, task, { kind: "failed", reason: { code, message: "No." }, retryable, progressed: false });
  const only = (site = siteA): RunTask => {
    const [task, ...others] = takeTasks(api, site);
    assert.deepEqual(others, []);
    return task ?? assert.fail("there is nothing to do");
  };
  return { api, groupId, run, ask, read, groups, retention, fail, only };
};

describe("a rollback", () => {
  test("checks, takes the safety group, and rolls back, at the site that the plan protects", async () => {
    const { api, groupId, ask, read, only } = await world();
    const { status, body } = await ask();
    assert.equal(status, 201);
    const kinds: string[] = [];
    for (const _ of ["check", "snapshot", "rollback"]) {
      const task = only();
      kinds.push(task.kind);
      if (task.kind === "check" || task.kind === "rollback") assert.equal(task.from.groupId, groupId);
      assert.equal(task.groupId, body.groupId);
      await complete(api, task);
    }
    assert.deepEqual(kinds, ["check", "snapshot", "rollback"]);
    assert.equal((await read(body.id)).status, "succeeded");
    assert.deepEqual(api.errors, []);
  });

  test("has a number that nothing else of the plan has, whatever begins at the same time", async () => {
    const { api, ask, run } = await world();
    const begun = await Promise.all([ask({ objects: ["db"] }), run(), ask({ objects: ["web"] }), run()]);
    const ids = begun.map((one) => ("body" in one ? one.body.id : one.id));
    const runs = await Promise.all(ids.map((id) => loadRun(api.deps, id)));
    const numbers = runs.map((loaded) => loaded?.run.sequence);
    assert.equal(new Set(numbers).size, begun.length, JSON.stringify(numbers));
  });

  test("keeps its safety group until its time is over, counts it among none, and then it goes", async () => {
    const { api, ask, groups, retention, run } = await world();
    const { body } = await ask({ keepSafetyDays: 5 });
    await workAt(api, [siteA]);
    const safety = (await groups()).find(({ id }) => id === body.groupId);
    assert.equal(safety?.keepUntil, new Date(Date.parse(body.createdAt) + 5 * 24 * 3600 * 1000).toISOString());
    await run();
    await workAt(api, [siteA, siteB]);
    const kept = (await retention()).find(({ group }) => group.id === body.groupId);
    assert.deepEqual([kept?.verdict, kept?.rule], ["keep", "until"]);
    assert.match(kept?.explanation ?? "", /^kept until .* UTC, and not counted: a rollback can be undone with it$/);
    api.pass(5 * 24 * 3600);
    const over = (await retention()).find(({ group }) => group.id === body.groupId);
    assert.deepEqual([over?.verdict, over?.rule], ["delete", "excess"]);
    await run();
    await workAt(api, [siteA, siteB]);
    assert.ok(!(await groups()).some(({ id, state }) => id === body.groupId && state === "published"));
  });

  test("can be rolled back to its safety group by the same request", async () => {
    const { api, ask, read } = await world();
    const { body: first } = await ask();
    await workAt(api, [siteA]);
    const { body: second } = await ask({ groupId: first.groupId });
    await workAt(api, [siteA]);
    assert.equal((await read(second.id)).status, "succeeded");
    assert.notEqual(second.groupId, first.groupId);
  });

  test("that its site refuses has failed with the site's code, and holds and locks nothing any more", async () => {
    const { api, ask, read, groups, fail, only } = await world();
    const { body } = await ask({ discardChanges: false });
    assert.equal((await readLocks(api.deps, siteA)).length > 0, true);
    await fail(only(), "CHANGED_SINCE");
    const { status, targets } = await read(body.id);
    assert.deepEqual([status, targets[0]?.reason?.code], ["failed", "CHANGED_SINCE"]);
    assert.deepEqual(await readLocks(api.deps, siteA), []);
    assert.deepEqual(
      (await groups()).flatMap(({ holds }) => holds),
      [],
    );
    assert.deepEqual(takeTasks(api, siteA), []);
  });

  test("that is cancelled while it is done is undone first, and says when it was done before", async () => {
    for (const wasDone of [false, true]) {
      const { api, ask, read, only } = await world();
      const { body } = await ask();
      for (const _ of ["check", "snapshot"]) await complete(api, only());
      const late = only();
      assert.equal(late.kind, "rollback");
      await api.send("POST", `/v1/runs/${body.id}/cancel`);
      const undo = only();
      assert.equal(undo.kind, "undo-rollback");
      await complete(api, late);
      assert.equal((await read(body.id)).status, "running");
      const warnings = wasDone ? { warnings: [{ code: "ROLLBACK_DONE", message: "It was." }] } : {};
      await report(api, undo, { kind: "completed", result: { kind: "undo-rollback", ...warnings } });
      const { status, targets } = await read(body.id);
      assert.equal(status, wasDone ? "succeeded" : "cancelled");
      assert.equal(targets[0]?.warning?.code, wasDone ? "ROLLBACK_DONE" : undefined);
      assert.deepEqual(await readLocks(api.deps, siteA), []);
    }
  });
});

describe("objects that a rollback writes", () => {
  test("are no other restore's: it is refused, and named who has them", async () => {
    const { api, ask } = await world();
    const { body } = await ask({ objects: ["db"] });
    const before = await api.dump();
    const { status, body: refusal } = await ask<Refusal>();
    assert.deepEqual([status, refusal.error.code], [409, "OBJECT_LOCKED"]);
    assert.ok(refusal.error.message.includes(body.id));
    assert.equal(await api.dump(), before);
    assert.equal((await ask({ objects: ["web"] })).status, 201);
    await workAt(api, [siteA]);
    assert.equal((await ask()).status, 201);
  });

  test("are waited for by a backup, which says so, and is taken when they are free", async () => {
    const { api, ask, run, read, fail, only } = await world();
    const { body: restore } = await ask({ objects: ["db"] });
    const check = only();
    const { id } = await run();
    for (let tries = 0; tries < 20; tries += 1) {
      const snapshot = only();
      assert.equal(snapshot.kind, "snapshot");
      assert.ok(snapshot.kind === "snapshot" && snapshot.locked?.every(({ runId }) => runId === restore.id));
      await fail(snapshot, "OBJECT_LOCKED", true);
    }
    const [target] = (await read(id)).targets;
    assert.deepEqual([target?.state, target?.reason?.code], ["waiting", "OBJECT_LOCKED"]);
    takeTasks(api, siteA);
    await complete(api, check);
    for (const _ of ["snapshot", "rollback"]) {
      const task = takeTasks(api, siteA).find(({ runId }) => runId === restore.id);
      await complete(api, task ?? assert.fail("the rollback has nothing to do"));
    }
    api.pass(120);
    await handleSweep(api.deps);
    const again = only();
    assert.ok(again.kind === "snapshot" && again.locked === undefined);
    await complete(api, again);
    await workAt(api, [siteA, siteB]);
    assert.equal((await read(id)).status, "succeeded");
  });

  test("are free again when a run that had them is gone, whoever died before it could let go", async () => {
    const { api, ask } = await world();
    const { body } = await ask();
    await workAt(api, [siteA]);
    const [lock] = [{ id: "volume-db", name: "db", runId: body.id, at: api.deps.clock.now() }];
    const key = { partition: "SITE#a", sort: "LOCK#volume-db" };
    await api.deps.store.commit([{ type: "put", key, body: lock, expect: "absent" }]);
    const { status } = await ask();
    assert.equal(status, 201);
    assert.notEqual((await readLocks(api.deps, siteA)).find(({ id }) => id === "volume-db")?.runId, body.id);
  });
});
