import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryEntry, RunAnswer, RunObject } from "../../core/api/answers.ts";
import type { RunId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, Step } from "../../core/api/run.ts";
import { stepsOf } from "../../core/run/steps.ts";
import { siteB, type TestApi } from "../api/testing.ts";
import { complete, progressOf, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { planKey, runKey } from "../documents/records.ts";
import { createOldApi, leaveEffects, type OldApi, putBack, siteC, sites } from "../engine/testing-before.ts";
import { handleSweep } from "../sweep.ts";
import { needRun } from "./runs.ts";

const runNow = async (api: TestApi) => {
  api.pass(1);
  return (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
};

/** Works until a run's part at b has come to a step, whose tasks are taken and lost. */
const workUntil = async (api: OldApi, runId: RunId, step: Step) => {
  for (let round = 0; round < 20; round += 1) {
    const tasks = sites.flatMap((site) => takeTasks(api, site));
    if ((await needRun(api.deps, runId)).run.targets[siteB]?.step === step) return tasks;
    for (const task of tasks) await complete(api, task);
  }
  return assert.fail(`the run does not come to ${step}`);
};

const look = async (api: TestApi, id: RunId) => (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;
const statesOf = ({ targets }: RunAnswer) => targets.map(({ site, state }) => `${site} ${state}`);
const lanesOf = async ({ deps, plan }: OldApi) => (await deps.store.get<Plan>(planKey(plan.id)))?.body.lanes;
const free = { active: null, queued: null };

const holdLanes = async ({ deps, plan }: OldApi, lanes: Plan["lanes"]): Promise<void> => {
  const stored = (await deps.store.get<Plan>(planKey(plan.id))) ?? assert.fail("there is a plan");
  const { key, version, body, dueAt } = stored;
  const put = { type: "put", key, body: { ...body, lanes }, expect: { version } } as const;
  await deps.store.commit([{ ...put, ...(dueAt && { dueAt }) }]);
};

const goOn = async (api: OldApi): Promise<void> => {
  for (let minute = 0; minute < 5; minute += 1) {
    api.pass(60);
    await handleSweep(api.deps);
    await workAt(api, sites);
  }
};

/** What a person sees of it before anything has happened to it. */
const isShown = async (api: OldApi, id: RunId, expected: { status: string; states: readonly string[] }) => {
  const before = await api.dump();
  const { body } = await api.send<Page<HistoryEntry>>("GET", "/v1/plans/nightly/runs");
  assert.equal(body.unreadable, undefined);
  const listed = body.items.flatMap((entry) => (entry.type === "run" && entry.run.id === id ? [entry.run] : []));
  assert.deepEqual(
    listed.map(({ status, targets }) => [status, Object.keys(targets)]),
    [[expected.status, ["b", "c"]]],
  );
  assert.equal(await api.dump(), before, "a list writes nothing");
  const shown = await look(api, id);
  assert.deepEqual([shown.status, ...statesOf(shown)], [expected.status, ...expected.states]);
  const { status, body: objects } = await api.send<Page<RunObject>>("GET", `/v1/runs/${id}/objects?target=c`);
  assert.deepEqual([status, objects.items.map(({ name }) => name)], [200, ["db", "web"]]);
};

/** It has gone on to its end, its lanes are free, and it is in the present form. */
const hasEnded = async (api: OldApi, id: RunId, states: readonly string[]) => {
  assert.deepEqual(statesOf(await look(api, id)), states);
  assert.deepEqual(await lanesOf(api), { b: free, c: free });
  const { head, parts } = await needRun(api.deps, id);
  assert.equal(head.format, undefined);
  assert.ok(!("targets" in head.body));
  for (const { body } of parts.values()) assert.ok(!("pending" in body) && body.unsettled === undefined);
  assert.ok(!(await api.dump()).includes("OUTBOX#"), "nothing is left to carry out");
  assert.deepEqual(api.errors, []);
};
const succeeded = ["b succeeded", "c succeeded"];

describe("a run of the form before", () => {
  for (const step of stepsOf.backup) {
    test(`that is ${step} is shown, and goes on to its end when the sweep comes`, async () => {
      const api = await createOldApi();
      const { id } = await runNow(api);
      await workUntil(api, id, step);
      await putBack(api, id);
      await isShown(api, id, { status: "running", states: [`b ${step}`, `c ${step}`] });
      await goOn(api);
      await hasEnded(api, id, succeeded);
      const next = await runNow(api);
      await workAt(api, sites);
      await hasEnded(api, next.id, succeeded);
    });
  }

  test("that waits for its next try is shown at its step, and goes on", async () => {
    const api = await createOldApi();
    const { id } = await runNow(api);
    const reason = { code: "LINK_BROKEN", message: "The link broke." };
    for (const task of await workUntil(api, id, "transferring")) {
      await report(api, task, { kind: "failed", reason, retryable: true, progressed: false });
    }
    for (const site of sites) takeTasks(api, site);
    assert.deepEqual(statesOf(await look(api, id)), ["b waiting", "c waiting"]);
    await putBack(api, id);
    await isShown(api, id, { status: "running", states: ["b transferring", "c transferring"] });
    await goOn(api);
    await hasEnded(api, id, succeeded);
  });

  test("that is queued waits until its lanes come round to it", async () => {
    const api = await createOldApi();
    const first = await runNow(api);
    const { id } = await runNow(api);
    await putBack(api, id);
    await isShown(api, id, { status: "queued", states: ["b queued", "c queued"] });
    await handleSweep(api.deps);
    assert.equal((await look(api, id)).status, "queued");
    await workAt(api, sites);
    await hasEnded(api, first.id, succeeded);
    await hasEnded(api, id, succeeded);
  });

  test("takes in what its tasks came to that were given out by the version before", async () => {
    const api = await createOldApi();
    const { id } = await runNow(api);
    const tasks = await workUntil(api, id, "transferring");
    await putBack(api, id);
    for (const task of tasks) {
      await report(api, task, { kind: "working", progress: progressOf("sending", 1) });
      await complete(api, task);
    }
    await goOn(api);
    await hasEnded(api, id, succeeded);
  });

  test("is cancelled as any other: whoever writes is fenced off, and its lanes are free", async () => {
    const api = await createOldApi();
    const { id } = await runNow(api);
    await workUntil(api, id, "transferring");
    await putBack(api, id);
    const { status } = await api.send("POST", `/v1/runs/${id}/cancel`);
    assert.equal(status, 200);
    const aborted = [siteB, siteC].filter((site) => takeTasks(api, site).some(({ kind }) => kind === "abort"));
    assert.deepEqual(aborted, [siteB, siteC]);
    await goOn(api);
    await hasEnded(api, id, ["b cancelled", "c cancelled"]);
  });

  test("whose tasks nobody has sent yet, since its version died, has them sent", async () => {
    const api = await createOldApi();
    const { id } = await runNow(api);
    await workUntil(api, id, "preparing");
    await putBack(api, id);
    const dispatch = { type: "dispatch", target: "b", step: "preparing", delaySeconds: 0 };
    await leaveEffects(api, id, [{ ...dispatch, tasks: [{ index: 0, attempt: 1 }] }]);
    await goOn(api);
    await hasEnded(api, id, succeeded);
  });

  const ends: readonly (readonly [state: string, end: (api: OldApi, id: RunId) => Promise<unknown>])[] = [
    ["succeeded", (api) => workAt(api, sites)],
    ["cancelled", (api, id) => api.send("POST", `/v1/runs/${id}/cancel`)],
    [
      "failed",
      async (api, id) => {
        const reason = { code: "STORE_FULL", message: "The store is full." };
        for (const task of await workUntil(api, id, "preparing"))
          await report(api, task, { kind: "failed", reason, retryable: false, progressed: false });
      },
    ],
  ];
  for (const [state, end] of ends) {
    test(`that has ended as ${state}, and whose version died before its lanes were free, lets them go`, async () => {
      const api = await createOldApi();
      const { id } = await runNow(api);
      await end(api, id);
      await workAt(api, sites);
      await putBack(api, id);
      const lane = { active: id, queued: null };
      await holdLanes(api, { b: lane, c: lane });
      await leaveEffects(
        api,
        id,
        ["b", "c"].map((target) => ({ type: "ended", target })),
      );
      const next = await runNow(api);
      assert.equal((await look(api, next.id)).status, "queued");
      await goOn(api);
      await hasEnded(api, id, [`b ${state}`, `c ${state}`]);
      await hasEnded(api, next.id, succeeded);
    });
  }

  test("that has ended long ago is left as it is until somebody asks for it", async () => {
    const api = await createOldApi();
    const { id } = await runNow(api);
    await workAt(api, sites);
    await putBack(api, id);
    await goOn(api);
    assert.equal((await api.deps.store.get(runKey(id)))?.format, 1);
    await isShown(api, id, { status: "succeeded", states: succeeded });
    await goOn(api);
    await hasEnded(api, id, succeeded);
  });
});
