import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GatewayAnswer, RunAnswer } from "../core/api/answers.ts";
import type { Instant } from "../core/api/ids.ts";
import type { Run } from "../core/api/run.ts";
import { addSeconds } from "../core/ports/clock.ts";
import { createNightlyPlan, createTestApi, nightly, siteA, siteB, type TestApi } from "./api/testing.ts";
import { complete, report, takeTasks, workAt } from "./api/testing-gateway.ts";
import { dueSecondsMax } from "./engine/engine.ts";
import { handleReport } from "./report.ts";
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

describe("a site's gateways", () => {
  const endpointOf = (id: string) => `${id}.example:9443`;
  const alive = (api: TestApi, id: string, more: object = {}) =>
    handleReport(api.deps, {
      kind: "alive",
      gateway: {
        ...{ id, siteId: id.slice(0, 1), endpoint: endpointOf(id), tunnel: "envoy", version: "1", storage: "x" },
        ...more,
      },
    });
  const listed = async (api: TestApi) =>
    (await api.send<{ items: GatewayAnswer[] }>("GET", "/v1/sites/b/gateways")).body.items;
  const certificate = (from: string, until: string) => ({
    certificate: { from: `${from}T00:00:00.000Z`, until: `${until}T00:00:00.000Z` },
  });
  const good = certificate("2026-02-20", "2026-03-06");
  const expired = certificate("2026-02-01", "2026-02-15");
  const early = certificate("2026-08-01", "2026-08-15");

  test("are not alive for as long as the clock was ahead that they were last heard of by", async () => {
    const api = await started();
    api.pass(2 * year);
    await alive(api, "b1");
    api.pass(minute - 2 * year);
    assert.deepEqual(
      (await listed(api)).map(({ alive: isAlive }) => isAlive),
      [false],
    );
    await alive(api, "b1");
    assert.deepEqual(
      (await listed(api)).map(({ alive: isAlive }) => isAlive),
      [true],
    );
  });

  test("are shown with what is wrong with their certificates and clocks", async () => {
    const api = await started();
    await alive(api, "b1", good);
    await alive(api, "b2", expired);
    await alive(api, "b3", { ...early, clockAheadSeconds: 15_552_000 });
    assert.deepEqual(
      (await listed(api)).map(({ id, certificateProblem, clockAheadSeconds }) => [
        id,
        certificateProblem,
        clockAheadSeconds,
      ]),
      [
        ["b1", undefined, undefined],
        ["b2", "expired", undefined],
        ["b3", "not-yet-valid", 15_552_000],
      ],
    );
  });

  /** Where a transfer is told to go, and the task. */
  const transferOf = async (api: TestApi) => {
    await runNow(api);
    for (let steps = 0; steps < 5; steps += 1) {
      for (const task of [siteA, siteB].flatMap((site) => takeTasks(api, site))) {
        if (task.kind === "transfer") return task;
        await complete(api, task);
      }
    }
    return assert.fail("there was no transfer");
  };

  test("are sent to by those whose certificate and clock are right, and by others only where there are none", async () => {
    const api = await started();
    await alive(api, "b2", expired);
    await alive(api, "b3", { ...good, clockAheadSeconds: -7200 });
    const [first, second] = [endpointOf("b2"), endpointOf("b3")];
    assert.deepEqual((await transferOf(api)).endpoints, [first, second]);
    const other = await started();
    await alive(other, "b1", good);
    await alive(other, "b2", expired);
    await alive(other, "b3", { ...good, clockAheadSeconds: -7200 });
    assert.deepEqual((await transferOf(other)).endpoints, [endpointOf("b1")]);
  });

  test("are named with their clock in the reason for which a transfer fails beside it", async () => {
    const api = await started();
    await alive(api, "b1", { ...good, clockAheadSeconds: 7200 });
    await alive(api, "a1", { ...good, clockAheadSeconds: 3 });
    const task = await transferOf(api);
    const reason = { code: "LINK_BROKEN", message: "The link broke." };
    await report(api, task, { kind: "failed", reason, retryable: false, progressed: false });
    assert.equal(
      (await look(api, { id: task.runId })).targets[0]?.reason?.message,
      "The link broke. The clock of gateway “b1” of site “b” is 7200 s ahead: set it.",
    );
  });
});

test("a run that is asked for at an instant that had one before the clock was set back lets its lane go again", async () => {
  const api = await started();
  const first = await runNow(api);
  await goOn(api, 2);
  api.pass(-3600 - 2 * minute);
  const between = await runNow(api);
  await workAt(api, [siteA, siteB]);
  api.pass(3600);
  assert.equal((await runNow(api)).id, first.id);
  await goOn(api, 2);
  const next = await runNow(api);
  await goOn(api, 2);
  for (const run of [first, between, next]) assert.equal((await look(api, run)).status, "succeeded");
});
