import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../../core/api/answers.ts";
import type { Group } from "../../core/api/group.ts";
import { groupIdOf, instantSchema, type PlanId, runIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { ToldGroup } from "../../core/retention/site-list.ts";
import { createNightlyPlan, createTestApi, siteA, siteB } from "../api/testing.ts";
import { complete, groupsOn, report, resultOf, takeTasks, workAt } from "../api/testing-gateway.ts";
import { groupKey, runKey } from "../documents/records.ts";
import { readGroups } from "./groups.ts";
import { takeList } from "./site-list.ts";

const before = instantSchema.parse("2026-01-01T00:00:00.000Z");

/** A plan with one restore point, and what its site would say of it. */
const world = async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const { body: begun } = await api.send<Run>("POST", "/v1/plans/nightly/run");
  await workAt(api, [siteA, siteB]);
  const stored = await api.deps.store.get<Run>(runKey(begun.id));
  assert(stored !== undefined);
  const [group] = await groupsAt(api, plan);
  assert(group !== undefined);
  const { id: groupId, sequence, takenAt } = group;
  const known: ToldGroup = { groupId, sequence, takenAt, volumeCount: 2, sizeBytes: 1 };
  const take = (...groups: readonly ToldGroup[]) => takeList(api.deps, stored.body, siteB, { sequence: 1, groups });
  return { api, plan, known, take };
};
const groupsAt = async (api: Awaited<ReturnType<typeof createTestApi>>, { id }: Plan): Promise<readonly Group[]> =>
  (await readGroups(api.deps, id, siteB)).map(({ body }) => body);

/** A group of a run that was never heard of. */
const stranger = (planId: PlanId, number: number): ToldGroup => {
  const takenAt = addSeconds(before, number);
  return { groupId: groupIdOf(runIdOf(planId, takenAt)), sequence: number + 1, takenAt, volumeCount: 3, sizeBytes: 7 };
};

describe("a list of what a site has", () => {
  test("has what no known run made written down as unknown, with what the site says of it", async () => {
    const { api, plan, known, take } = await world();
    await take(known, stranger(plan.id, 40));
    await take(known, stranger(plan.id, 40));
    const [unknown, published, ...more] = await groupsAt(api, plan);
    assert.equal(published?.state, "published");
    assert.deepEqual(more, []);
    assert(unknown !== undefined);
    const { state, role, sequence, takenAt, objectCount, sizeBytes } = unknown;
    assert.deepEqual([state, role, sequence, objectCount, sizeBytes], ["unknown", "mirror", 41, 3, 7]);
    assert.equal(takenAt, addSeconds(before, 40));
  });

  test("says nothing of other plans' groups, and nothing that can't be told apart", async () => {
    const { api, plan, known, take } = await world();
    const other = stranger("plan_00000000000000000000000099" as PlanId, 1);
    const { groupId } = stranger(plan.id, 2);
    await take(known, other, { groupId });
    assert.equal(await api.deps.store.get(groupKey(other.groupId, siteB)), undefined);
    assert.equal((await groupsAt(api, plan)).length, 1);
  });

  test("fills the table only so far", async () => {
    const { api, plan, known, take } = await world();
    const flood = Array.from({ length: 1005 }, (_, number) => stranger(plan.id, number));
    await take(known, ...flood);
    assert.equal((await groupsAt(api, plan)).length, 1001);
    assert.equal(api.errors.length, 1);
  });

  test("has a group written down as unknown where only a part of its run's snapshot is known", async () => {
    const { api, plan, known, take } = await world();
    api.pass(1);
    const { body: begun } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    const takenAt = api.deps.clock.now();
    for (const task of takeTasks(api, siteA)) {
      const result = resultOf(task, takenAt, []);
      assert(result.kind === "snapshot" && result.objects.length === 2);
      const part = { number: 0, of: 2 };
      await report(api, task, { kind: "completed", part, result: { ...result, objects: result.objects.slice(0, 1) } });
    }
    await api.send("POST", `/v1/runs/${begun.id}/cancel`);
    // The rest was told as well, once, and the target has published: then the table was set back.
    const published = { groupId: begun.groupId, sequence: begun.sequence, takenAt, volumeCount: 2, sizeBytes: 1 };
    await take(known, published);
    assert.deepEqual(
      (await groupsAt(api, plan)).map(({ state }) => state),
      ["published", "unknown"],
    );
  });

  test("with another run's group of the same slot makes that unknown, and no restore point of this one", async () => {
    const { api, plan, known, take } = await world();
    await take({ ...known, sequence: 9 });
    assert.deepEqual(
      (await groupsAt(api, plan)).map(({ state, sequence }) => [state, sequence]),
      [["unknown", 9]],
    );
  });

  test("brings back a group only while its run is known", async () => {
    const { api, plan, known, take } = await world();
    await take();
    assert.equal((await groupsAt(api, plan))[0]?.state, "lost");
    await take(known);
    assert.equal((await groupsAt(api, plan))[0]?.state, "published");
    await take();
    const key = runKey((await groupsAt(api, plan))[0]?.runId as Run["id"]);
    await api.deps.store.commit([{ type: "delete", key, expect: "any" }]);
    await take(known);
    assert.equal((await groupsAt(api, plan))[0]?.state, "unknown");
  });
});

test("a late answer to the same slot's run from before the table was set back makes no restore point to build on", async () => {
  const { api, plan, known } = await world();
  const begin = async () => {
    api.pass(1);
    return (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
  };
  // The second of these is superseded: nothing is known of a snapshot of it.
  const [, superseded] = [await begin(), await begin(), await begin()];
  assert(superseded !== undefined);
  const { id: runId, sequence } = superseded;
  const task = { id: `${runId}/publishing/b/0`, runId, target: siteB, step: "publishing", index: 0, attempt: 1 };
  const result = { kind: "publish", publishedAt: before, sizeBytes: 1 };
  await report(api, { ...task, siteId: siteB } as RunTask, { kind: "completed", sequence, result });
  assert.deepEqual(
    (await groupsAt(api, plan)).map(({ id }) => id),
    [known.groupId],
  );
  await workAt(api, [siteA, siteB]);
  const next = await begin();
  await workAt(api, [siteA, siteB]);
  assert.equal((await api.send<RunAnswer>("GET", `/v1/runs/${next.id}`)).body.status, "succeeded");
});

describe("a list that comes late", () => {
  const present = (...groups: readonly (Group | undefined)[]) => ({
    kind: "completed",
    result: {
      kind: "reclaim",
      deleted: [],
      present: groups.flatMap((group) => (group === undefined ? [] : [group.id])),
    },
  });

  test("brings back nothing that a later one did not have", async () => {
    const { api, plan } = await world();
    await api.send("POST", "/v1/plans/nightly/run");
    let asked: RunTask | undefined;
    for (let round = 0; asked === undefined && round < 20; round += 1) {
      for (const task of [siteA, siteB].flatMap((site) => takeTasks(api, site))) {
        if (task.kind === "reclaim" && task.siteId === siteB) asked = task;
        await complete(api, task);
      }
    }
    await workAt(api, [siteA, siteB]);
    assert(asked !== undefined);
    const [first, second] = await groupsAt(api, plan);
    groupsOn(api, siteB).delete(first?.id as Group["id"]);
    await api.send("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB]);
    const states = async () => (await groupsAt(api, plan)).map(({ state }) => state);
    assert.deepEqual(await states(), ["lost", "published", "published"]);
    await report(api, asked, present(first, second));
    assert.deepEqual(await states(), ["lost", "published", "published"]);
  });

  test("from the source takes nothing away when a newer run has begun since it was asked for", async () => {
    for (const [isOvertaken, expected] of [
      [true, "published"],
      [false, "lost"],
    ] as const) {
      const { api, plan } = await world();
      const { body: cancelled } = await api.send<Run>("POST", "/v1/plans/nightly/run");
      for (const task of takeTasks(api, siteA)) await complete(api, task);
      await api.send("POST", `/v1/runs/${cancelled.id}/cancel`);
      const [asked] = takeTasks(api, siteA).filter(({ kind }) => kind === "reclaim");
      assert(asked?.kind === "reclaim" && asked.groupIds.length === 0, "the source is asked first");
      api.pass(1);
      if (isOvertaken) await api.send("POST", "/v1/plans/nightly/run");
      await report(api, asked, present());
      const [base] = (await readGroups(api.deps, plan.id, siteA)).map(({ body }) => body);
      assert.equal(base?.state, expected);
    }
  });
});
