import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryEntry } from "../../core/api/answers.ts";
import type { Plan } from "../../core/api/plan.ts";
import { createNightlyPlan, createTestApi, siteA, siteB, type TestApi } from "../api/testing.ts";
import { workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { handlePlanInvocation } from "../plan.ts";
import { handleSweep } from "../sweep.ts";

const [hour, day, year] = [3600, 86_400, 365 * 86_400];

/**
 * What became of each slot, the newest first: how it was asked for, or how many slots were skipped,
 * and why.
 */
const historyOf = async (api: TestApi): Promise<readonly string[]> => {
  const { body } = await api.send<Page<HistoryEntry>>("GET", "/v1/plans/nightly/runs?limit=100");
  return body.items.map((entry) => {
    if (entry.type === "run") return `${entry.run.slot.slice(0, 10)} ${entry.run.trigger}`;
    const { firstSlot, lastSlot, count, reason } = entry.skip;
    return `${firstSlot.slice(0, 10)}…${lastSlot.slice(0, 10)} ${count} ${reason}`;
  });
};

const fire = async (api: TestApi, planId: string): Promise<void> => {
  await handlePlanInvocation(api.deps, { planId, scheduledTime: api.deps.clock.now() });
  await workAt(api, [siteA, siteB]);
};

const nextSlots = async (api: TestApi, count: number) =>
  (await api.send<{ slots: string[] }>("GET", `/v1/plans/nightly/schedule?count=${count}`)).body.slots;

describe("a clock that was two years ahead for a while and was put right", () => {
  /** It is 00:30 on the first of March 2026; slots are at 01:00. */
  const wronged = async (aheadSeconds = 2 * year) => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    api.pass(aheadSeconds);
    await fire(api, plan.id);
    api.pass(100 - aheadSeconds);
    return { api, plan };
  };

  test("leaves a plan that runs at the very slots that its preview promises", async () => {
    const { api, plan } = await wronged();
    const promised = await nextSlots(api, 3);
    assert.deepEqual(
      promised.map((slot) => slot.slice(0, 10)),
      ["2026-03-01", "2026-03-02", "2026-03-03"],
    );
    api.pass(hour / 2);
    await fire(api, plan.id);
    assert.deepEqual((await historyOf(api)).slice(-2), ["2026-03-02…2028-02-27 728 missed", "2026-03-01 schedule"]);
    api.pass(day);
    await fire(api, plan.id);
    api.pass(day);
    await fire(api, plan.id);
    assert.deepEqual((await historyOf(api)).slice(1), [
      "2026-03-04…2028-02-27 726 missed",
      "2026-03-03 schedule",
      "2026-03-02 schedule",
      "2026-03-01 schedule",
    ]);
  });

  test("is found by the sweep, with nobody else to find it, and told of at the plan", async () => {
    const { api } = await wronged();
    await handleSweep(api.deps);
    const { body } = await api.send<Plan>("GET", "/v1/plans/nightly");
    assert.equal(body.slotsDoneUntil, "2026-03-01T00:21:40.000Z");
    assert.deepEqual(body.clock, { putBackAt: "2026-03-01T00:31:40.000Z", from: "2028-02-28T01:00:00.000Z", times: 1 });
    api.pass(hour);
    await handleSweep(api.deps);
    assert.equal((await historyOf(api)).at(-1), "2026-03-01 schedule");
  });

  test("takes a slot out of the middle of what was skipped, and from its ends", async () => {
    const { api, plan } = await wronged(5 * day);
    const ahead = ["2026-03-05 schedule", "2026-03-01…2026-03-04 4 missed"];
    assert.deepEqual(await historyOf(api), ahead);
    api.pass(day + hour / 2);
    await fire(api, plan.id);
    assert.deepEqual(await historyOf(api), [
      "2026-03-05 schedule",
      "2026-03-03…2026-03-04 2 missed",
      "2026-03-02 schedule",
      "2026-03-01…2026-03-01 1 missed",
    ]);
  });

  test("has a slot run that had its run too early, as one more run that says so", async () => {
    const { api, plan } = await wronged(day);
    assert.deepEqual(await historyOf(api), ["2026-03-01 schedule"]);
    api.pass(hour / 2);
    await fire(api, plan.id);
    await fire(api, plan.id);
    assert.deepEqual(await historyOf(api), ["2026-03-01 clock", "2026-03-01 schedule"]);
    const { body } = await api.send<Page<{ sequence: number }>>("GET", "/v1/plans/nightly/groups?site=b");
    assert.deepEqual(
      body.items.map(({ sequence }) => sequence),
      [2, 1],
    );
  });
});

test("a plan that is suspended promises nothing, and says what it would do", async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  await api.send("POST", "/v1/plans/nightly/suspend");
  const { body } = await api.send<{ isSuspended?: boolean; slots: string[] }>("GET", "/v1/plans/nightly/schedule");
  assert.deepEqual([body.isSuspended, body.slots[0]], [true, "2026-03-01T01:00:00.000Z"]);
});
