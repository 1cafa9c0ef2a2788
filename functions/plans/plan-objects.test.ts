import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PlanAnswer } from "../../core/api/answers.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { Plan, PlanObject } from "../../core/api/plan.ts";
import type { Run, RunPlan } from "../../core/api/run.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { createNightlyPlan, createTestApi, nightly, objectNamed, siteA } from "../api/testing.ts";
import { objectPagePrefix, planKey, runPlanKey } from "../documents/records.ts";
import { updatePlan } from "../engine/commands.ts";
import { applyToPlan } from "../engine/engine.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { toldBy } from "../inventory/testing.ts";
import { handlePlanInvocation } from "../plan.ts";
import { readRunObjects } from "../runs/run-objects.ts";
import { type StoredPlan, wholePlan } from "./plan-objects.ts";

/** An API whose store remembers which documents have an end, and how many were written. */
const setUp = async () => {
  const api = await createTestApi();
  const ends = new Map<string, Instant | undefined>();
  const written: Key[] = [];
  const store: typeof api.deps.store = {
    ...api.deps.store,
    commit: async (changes: readonly Change[]) => {
      await api.deps.store.commit(changes);
      for (const change of changes) {
        written.push(change.key);
        if (change.type === "put") ends.set(change.key.sort, change.expiresAt);
      }
    },
  };
  const deps = { ...api.deps, store };
  const { body: plan } = await createNightlyPlan(api);
  const pagesOf = async (set: number) => {
    const { partition } = planKey(plan.id);
    return (await deps.store.query({ partition, prefix: objectPagePrefix(String(set)), limit: 100 })).items;
  };
  const stored = async () => (await deps.store.get<StoredPlan>(planKey(plan.id)))?.body ?? assert.fail();
  const toldTo = async ({ id }: Run) =>
    readRunObjects(deps, (await deps.store.get<RunPlan>(runPlanKey(id)))?.body ?? assert.fail());
  return { api, deps, plan, ends, written, pagesOf, stored, toldTo };
};

const some = (names: readonly string[]): PlanObject[] =>
  names.map((name) => ({ kind: "lun", id: `lun-${name}`, name }));
const given =
  (objects: readonly PlanObject[]) =>
  <T extends Plan>(plan: T) => ({ ...plan, objects, objectCount: objects.length, objectSet: plan.objectSet + 1 });

describe("a plan's objects", () => {
  test("lie apart from it in pages of 64 KiB, and are shown with it in their order", async () => {
    const api = await createTestApi();
    for (const id of ["a", "b"]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
    const objects = Array.from({ length: 3000 }, (_, index) => objectNamed(`${index}`));
    for (const part of toldBy({ siteId: siteA, at: 1, objects })) await putInventoryPart(api.deps, part);
    const wanted = objects.map(({ kind, name }) => ({ kind, name })).reverse();
    const { body: made } = await api.send<PlanAnswer>("POST", "/v1/plans", { ...nightly, objects: wanted });
    const { body: plan } = await api.send<PlanAnswer>("GET", "/v1/plans/nightly");
    assert.deepEqual(plan, { ...made, lastRun: null });
    assert.deepEqual(plan.objects, objects.map(({ kind, id, name }) => ({ kind, id, name })).reverse());
    const { partition } = planKey(plan.id);
    const { items } = await api.deps.store.query({ partition, limit: 100 });
    const sizes = items.map(({ body }) => JSON.stringify(body).length);
    assert.equal(items.filter(({ key }) => key.sort.startsWith("OBJECTS#1#")).length, 3);
    assert.ok(Math.max(...sizes) <= 64 * 1024 + 20);
    const document = items.find(({ key }) => key.sort === "PLAN")?.body as Plan;
    assert.ok(JSON.stringify(document).length < 1024);
    assert.equal(document.objectCount, 3000);
  });

  test("are told to its runs, and not written again when it fires", async () => {
    const { api, deps, plan, written, toldTo } = await setUp();
    api.pass(3600);
    await handlePlanInvocation(deps, { planId: plan.id, scheduledTime: deps.clock.now() });
    const [run] = (await deps.store.query<Run>({ ...planKey(plan.id), prefix: "RUN#", limit: 1 })).items;
    assert.deepEqual(await toldTo((run ?? assert.fail()).body), plan.objects);
    assert.equal(run?.body.objectCount, 2);
    assert.ok(written.some(({ sort }) => sort === "PLAN"));
    const { partition } = planKey(plan.id);
    assert.ok(!written.some((key) => key.partition === partition && key.sort.startsWith("OBJECTS#")));
  });

  test("that are others are another set, and the one before has an end a week later", async () => {
    const { deps, plan, pagesOf, ends, written, stored } = await setUp();
    await updatePlan(deps, plan.id, (before) => ({ ...before, name: "renamed" }));
    const { partition } = planKey(plan.id);
    assert.ok(!written.some((key) => key.partition === partition && key.sort.startsWith("OBJECTS#")));
    const others = some(["x", "y", "z"]);
    const updated = await updatePlan(deps, plan.id, given(others));
    assert.deepEqual(await wholePlan(deps, await stored()), updated);
    assert.deepEqual(updated.objects, others);
    const [[old], [fresh]] = [await pagesOf(1), await pagesOf(2)];
    assert.deepEqual(old?.body, { objects: plan.objects });
    assert.equal(ends.get(old.key.sort), "2026-03-08T00:30:00.000Z");
    assert.equal(ends.get(fresh?.key.sort ?? ""), undefined);
  });

  test("are one of two sets that are given at once, and the other has an end", async () => {
    const { deps, plan, ends, pagesOf, stored } = await setUp();
    // Another update goes through between this one's look and its commit.
    let isSecond = false;
    const meeting = {
      ...deps.store,
      commit: async (changes: readonly Change[]) => {
        if (!isSecond) {
          isSecond = true;
          await updatePlan(deps, plan.id, given(some(["second"])));
        }
        await deps.store.commit(changes);
      },
    };
    await updatePlan({ ...deps, store: meeting }, plan.id, given(some(["first"])));
    assert.deepEqual((await wholePlan(deps, await stored())).objects, some(["first"]));
    const ended = [...ends].filter(([sort, end]) => sort.startsWith("OBJECTS#") && end !== undefined);
    assert.deepEqual(ended.map(([sort]) => sort).sort(), ["OBJECTS#1#00000", "OBJECTS#2#00000"]);
    assert.ok(ends.has("OBJECTS#3#00000"));
    assert.deepEqual((await pagesOf(2))[0]?.body, { objects: some(["second"]) });
  });
});

describe("a plan that a version before has stored with its objects in it", () => {
  const before = async () => {
    const world = await setUp();
    const { objectCount: _, objectSet: __, ...plan } = world.plan;
    const { partition } = planKey(plan.id);
    for (const { key } of await world.pagesOf(1)) {
      await world.deps.store.commit([{ type: "delete", key, expect: "any" }]);
    }
    await world.deps.store.putAll([{ key: { partition, sort: "PLAN" }, body: plan }]);
    return world;
  };

  test("is shown, listed and runs, and is stored as today's are when it changes", async () => {
    const { api, plan, pagesOf, stored, toldTo } = await before();
    const { body: shown } = await api.send<PlanAnswer>("GET", "/v1/plans/nightly");
    assert.deepEqual(shown, { ...plan, objectSet: 0, lastRun: null });
    const { body: list } = await api.send<{ items: object[] }>("GET", "/v1/plans");
    assert.deepEqual(
      list.items.map((item) => (item as Plan).objectCount),
      [2],
    );
    const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    assert.deepEqual(await toldTo(run), plan.objects);
    assert.ok(!("objects" in (await stored())));
    assert.deepEqual(
      (await pagesOf(0)).map(({ body }) => body),
      [{ objects: plan.objects }],
    );
    assert.deepEqual((await api.send<PlanAnswer>("GET", "/v1/plans/nightly")).body.objects, plan.objects);
  });

  test("gets other objects", async () => {
    const { deps, plan, pagesOf, stored } = await before();
    await updatePlan(deps, plan.id, given(some(["x"])));
    assert.deepEqual((await wholePlan(deps, await stored())).objects, some(["x"]));
    assert.deepEqual([(await pagesOf(0)).length, (await pagesOf(1)).length], [0, 1]);
  });

  test("keeps them when nothing but its name changes", async () => {
    const { deps, plan, stored } = await before();
    await updatePlan(deps, plan.id, (one) => ({ ...one, name: "renamed" }));
    const after = await stored();
    assert.deepEqual([after.name, "objects" in after], ["renamed", false]);
    assert.deepEqual((await wholePlan(deps, after)).objects, plan.objects);
    await applyToPlan(deps, plan.id, { type: "suspend" });
    assert.deepEqual((await wholePlan(deps, await stored())).objects, plan.objects);
  });
});
