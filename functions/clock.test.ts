import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../core/api/answers.ts";
import type { Instant } from "../core/api/ids.ts";
import type { Run } from "../core/api/run.ts";
import { addSeconds } from "../core/ports/clock.ts";
import { createNightlyPlan, createTestApi, nightly, siteA, siteB, type TestApi } from "./api/testing.ts";
import { takeTasks, workAt } from "./api/testing-gateway.ts";
import { dueSecondsMax } from "./engine/engine.ts";
import { handleSweep } from "./sweep.ts";

const [minute, year] = [60, 365 * 86_400];
const endOfTime = "9999-12-31T23:59:59.999Z" as Instant;

const started = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  return api;
};
const runNow = async (api: TestApi) => (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
const look = async (api: TestApi, { id }: { id: string }) => (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;

/** All that happens in so many minutes. */
const goOn = async (api: TestApi, minutes: number): Promise<void> => {
  for (let passed = 0; passed < minutes; passed += 1) {
    await handleSweep(api.deps);
    await workAt(api, [siteA, siteB]);
    api.pass(minute);
  }
};

/** Nothing is due later than anything can be: nobody would look at it for as long. */
const nothingIsAhead = async ({ deps }: TestApi): Promise<void> => {
  const after = addSeconds(deps.clock.now(), dueSecondsMax);
  assert.deepEqual(await deps.store.due({ after, now: endOfTime, limit: 100 }), []);
};

for (const [how, seconds] of [
  ["years ahead", 2 * year],
  ["years behind", -2 * year],
  ["months ahead", year / 4],
  ["days behind", -3 * 86_400],
] as const) {
  describe(`when the clock was ${how} for a minute and is right again`, () => {
    test("a run whose tasks were lost meanwhile is sent again and ends", async () => {
      const api = await started();
      api.pass(seconds);
      const run = await runNow(api);
      for (const site of [siteA, siteB]) takeTasks(api, site);
      api.pass(minute - seconds);
      await goOn(api, 10);
      assert.equal((await look(api, run)).status, "succeeded");
      await nothingIsAhead(api);
    });

    test("a run that was under way before goes on in the wrong time, and afterwards", async () => {
      const api = await started();
      const run = await runNow(api);
      for (const site of [siteA, siteB]) takeTasks(api, site);
      api.pass(seconds);
      await handleSweep(api.deps);
      for (const site of [siteA, siteB]) takeTasks(api, site);
      api.pass(minute - seconds);
      await goOn(api, 10);
      assert.equal((await look(api, run)).status, "succeeded");
      await nothingIsAhead(api);
    });

    test("effects that nobody could carry out meanwhile are carried out", async () => {
      const api = await started();
      api.pass(seconds);
      const send = api.deps.tasks.send;
      api.deps.tasks.send = async () => assert.fail("the queue is down");
      const run = await runNow(api);
      api.deps.tasks.send = send;
      api.pass(minute - seconds);
      await goOn(api, 10);
      assert.equal((await look(api, run)).status, "succeeded");
      await nothingIsAhead(api);
    });
  });
}

test("a plan whose next slot is far away is looked at once a day, and left as it is", async () => {
  const api = await started();
  await api.send("PUT", "/v1/plans/nightly", {
    ...nightly,
    schedule: { cycle: "monthly", day: 15 },
  });
  const before = await api.send("GET", "/v1/plans/nightly");
  let looks = 0;
  for (let hours = 0; hours < 10 * 24; hours += 1) {
    looks += (await handleSweep(api.deps)).due;
    api.pass(3600);
  }
  assert(looks >= 8 && looks <= 10, `${looks} times in ten days`);
  assert.deepEqual(await api.send("GET", "/v1/plans/nightly"), before);
});
