import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryEntry, RunAnswer, RunTarget } from "../../core/api/answers.ts";
import { type Instant, instantSchema, type PlanId, runIdOf } from "../../core/api/ids.ts";
import { type Run, runSchema } from "../../core/api/run.ts";
import { newRun } from "../../core/run/new-run.ts";
import type { Page } from "../documents/page.ts";
import { skipKey } from "../documents/records.ts";
import { putRun } from "../engine/new-run.ts";
import { createNightlyPlan, createTestApi, reportAlive, siteA, siteB, type TestApi } from "./testing.ts";
import { complete, progressOf, report, takeTasks, workAt } from "./testing-gateway.ts";

const started = async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const { status, body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
  assert.equal(status, 201);
  return { api, plan, run };
};

const look = async (api: TestApi, { id }: { id: string }): Promise<RunAnswer & { readonly target: RunTarget }> => {
  const { status, body } = await api.send<RunAnswer>("GET", `/v1/runs/${id}`);
  assert.equal(status, 200);
  const [target] = body.targets;
  assert.ok(target);
  return { ...body, target };
};

describe("a run", () => {
  test("is one that the scheduler's runs look like", async () => {
    const { run, plan } = await started();
    assert.deepEqual(runSchema.parse(run), run);
    assert.deepEqual([run.planId, run.trigger, run.kind], [plan.id, "person", "backup"]);
  });

  test("is not moved on by what a site says of another's task", async () => {
    const { api, run } = await started();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    const before = await look(api, run);
    const errorsBefore = api.errors.length;
    const reason = { code: "STORE_CORRUPT", message: "forged" };
    await report(api, { ...task, siteId: siteB }, { kind: "failed", reason, retryable: false, progressed: false });
    assert.deepEqual(await look(api, run), before);
    assert.equal(api.errors.length, errorsBefore + 1);
    await complete(api, task);
    assert.notDeepEqual(await look(api, run), before);
  });

  test("is over when its transfer is aborted, and what the target says of the abort is nothing to complain of", async () => {
    const { api, run } = await started();
    for (const site of [siteA, siteB]) for (const task of takeTasks(api, site)) await complete(api, task);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    assert.equal((await look(api, run)).target.state, "transferring");
    await api.send("POST", `/v1/runs/${run.id}/cancel`);
    const abort = takeTasks(api, siteB).find(({ kind }) => kind === "abort");
    assert(abort !== undefined);
    const before = await look(api, run);
    await report(api, abort, { kind: "working" });
    await complete(api, abort);
    assert.deepEqual(await look(api, run), before);
    assert.deepEqual(api.errors, []);
  });

  test("says from the first second what it is about, how far it is, and that no gateway is there", async () => {
    const { api, run } = await started();
    const { target, ...answer } = await look(api, run);
    assert.deepEqual([answer.status, answer.planName], ["running", "nightly"]);
    assert.deepEqual([target.site, target.state, target.attempt, target.attemptsMax], ["b", "snapshotting", 1, 10]);
    assert.match(target.waitsFor ?? "", /No gateway of site “a”/);
    assert.deepEqual([target.progress.objectsTotal, target.progress.objectsDone], [2, 0]);
    assert.equal(target.current, null);
  });

  test("waits for nothing once the gateways that are needed are alive", async () => {
    const { api, run } = await started();
    await reportAlive(api, "a");
    assert.equal((await look(api, run)).target.waitsFor, null);
    for (const task of takeTasks(api, siteA)) await complete(api, task);
    assert.match((await look(api, run)).target.waitsFor ?? "", /site “b”/);
    await reportAlive(api, "b");
    assert.equal((await look(api, run)).target.waitsFor, null);
  });

  test("knows all that is ahead once the snapshot is taken, and adds up what is reported", async () => {
    const { api, run } = await started();
    for (const task of takeTasks(api, siteA)) await complete(api, task);
    const ahead = (await look(api, run)).target;
    assert.deepEqual([ahead.progress.bytesTotal, ahead.progress.extentsTotal], [2 * 1024 ** 3, 8]);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    const [first, second] = takeTasks(api, siteA);
    assert.ok(first && second);
    api.pass(30);
    await report(api, first, { kind: "working", progress: progressOf("sending", 100) });
    await complete(api, second);
    const { target } = await look(api, run);
    assert.equal(target.state, "transferring");
    assert.deepEqual(target.base, { baseGroupId: null, why: "first-backup" });
    assert.deepEqual(target.current, { index: 0, name: "db", phase: "sending" });
    const { bytesSent, bytesTotal, extentsDone, objectsDone } = target.progress;
    assert.deepEqual([bytesSent, bytesTotal, extentsDone, objectsDone], [1100, 2 * 1024 ** 3, 5, 1]);
    await complete(api, first);
    await report(api, first, { kind: "working", progress: progressOf("sending", 100) });
    const after = (await look(api, run)).target;
    assert.equal(after.progress.objectsDone, 2, "a late report takes nothing back");
    assert.deepEqual([after.progress.bytesSent, after.progress.extentsDone, after.current], [2000, 8, null]);
  });

  test("has a pace once a gateway has one, which is not above the site's limit", async () => {
    const { api, run } = await started();
    for (const site of [siteA, siteB]) for (const task of takeTasks(api, site)) await complete(api, task);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    const [first] = takeTasks(api, siteA);
    assert.ok(first);
    const work = { bytesToDo: 2 ** 20, bytesDone: 2 ** 19 };
    const tell = async (rate?: object) => {
      api.pass(30);
      await report(api, first, { kind: "working", progress: { ...progressOf("sending", 100), ...work, rate } });
      return (await look(api, run)).target;
    };
    assert.equal((await tell()).pace, null);
    const { pace, progress } = await tell({ doneBytesPerSecond: 2 ** 16, sentBytesPerSecond: 2 ** 15 });
    // Nobody has looked into the other volume yet, which is as large.
    assert.deepEqual([progress.bytesToDo, progress.bytesDone], [2 ** 21, 2 ** 19]);
    assert.deepEqual(pace, { bytesPerSecond: 2 ** 15, secondsLeft: 24 });
    await api.send("PUT", "/v1/sites/a/limits", { limits: [{ target: "b", bytesPerSecond: 2 ** 14 }] });
    assert.deepEqual((await look(api, run)).target.pace, { bytesPerSecond: 2 ** 14, secondsLeft: 48 });
  });

  test("names none of its objects while those that are given out are not worked on", async () => {
    const { api, run } = await started();
    for (const site of [siteA, siteB]) for (const task of takeTasks(api, site)) await complete(api, task);
    for (const task of takeTasks(api, siteB)) await complete(api, task);
    const [first, second] = takeTasks(api, siteA);
    assert.ok(first && second);
    api.pass(30);
    await report(api, first, { kind: "working", progress: progressOf("waiting", 0) });
    assert.equal((await look(api, run)).target.current, null);
    await report(api, second, { kind: "working", progress: progressOf("comparing", 0) });
    assert.deepEqual((await look(api, run)).target.current, { index: 1, name: "web", phase: "comparing" });
  });

  test("that failed once says what went wrong and which try comes next", async () => {
    const { api, run } = await started();
    await reportAlive(api, "a");
    const [task] = takeTasks(api, siteA);
    assert.ok(task);
    const reason = { code: "VOLUME_BUSY", message: "The volume is being resized." };
    await report(api, task, { kind: "failed", reason, retryable: true, progressed: false });
    const { target } = await look(api, run);
    assert.deepEqual([target.state, target.attempt, target.reason], ["waiting", 2, reason]);
    assert.match(target.waitsFor ?? "", /Try 2 of 10 .*being resized/);
  });

  test("that came while another was going waits for it, by name", async () => {
    const { api, run } = await started();
    api.pass(1);
    const { body: second } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    const { target, status } = await look(api, second);
    assert.deepEqual([status, target.state], ["queued", "queued"]);
    assert.ok(target.waitsFor?.includes(run.id));
    await workAt(api, [siteA, siteB]);
    assert.equal((await look(api, second)).status, "succeeded");
  });

  test("is cancelled by a person, once", async () => {
    const { api, run } = await started();
    const { status, body } = await api.send<RunAnswer>("POST", `/v1/runs/${run.id}/cancel`);
    assert.deepEqual([status, body.status, body.targets[0]?.reason?.code], [200, "cancelled", "CANCELLED"]);
    assert.equal(body.targets[0]?.waitsFor, null);
    const again = await api.send("POST", `/v1/runs/${run.id}/cancel`);
    assert.deepEqual([again.status, again.body.error.code], [409, "RUN_ENDED"]);
    assert.ok(again.body.error.message);
  });

  test("that there is none of is RUN_UNKNOWN, and what is no run's id is refused in words", async () => {
    const { api, plan } = await started();
    const unknown = runIdOf(plan.id, instantSchema.parse("2020-01-01T00:00:00.000Z"));
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/cancel"],
    ] as const) {
      assert.equal((await api.send(method, `/v1/runs/${unknown}${path}`)).body.error.code, "RUN_UNKNOWN");
      const { status, body } = await api.send(method, `/v1/runs/latest${path}`);
      assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"]);
      assert.match(body.error.message, /run: a run's id, such as run_/);
    }
  });
});

describe("a plan's history", () => {
  const at = (hour: number): Instant => instantSchema.parse(new Date(Date.UTC(2026, 1, 1, hour)).toISOString());

  /** Runs and skips in turns, in no regular pattern. */
  const fill = async (api: TestApi, planId: PlanId, count: number) => {
    const facts = {
      planId,
      kind: "backup",
      trigger: "schedule",
      source: siteA,
      targets: [siteB, siteA],
      objectCount: 1,
    } as const;
    for (let hour = 0; hour < count; hour += 1) {
      const slot = at(hour);
      const run = newRun({ ...facts, slot, sequence: hour + 1, now: slot });
      const skip = { planId, firstSlot: slot, lastSlot: slot, count: 1, reason: "missed" };
      const isSkip = [1, 2, 5, 6, 7, 11].includes(hour);
      if (isSkip) await api.deps.store.putAll([{ key: skipKey(planId, slot), body: skip }]);
      else await api.deps.store.commit(putRun(run, slot));
    }
  };
  const partsIn = ({ run }: Extract<HistoryEntry, { type: "run" }>) => Object.keys(run.targets).length;
  const slotOf = (entry: HistoryEntry) => (entry.type === "run" ? entry.run.slot : entry.skip.firstSlot);

  for (const limit of [1, 2, 3, 5, 12, 13, 50]) {
    test(`comes in pages of ${limit}, runs and skips together, the newest first, each once`, async () => {
      const api = await createTestApi();
      const { body: plan } = await createNightlyPlan(api);
      await fill(api, plan.id, 13);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const more = cursor === undefined ? "" : `&cursor=${cursor}`;
        const path = `/v1/plans/nightly/runs?limit=${limit}${more}`;
        const { status, body } = await api.send<Page<HistoryEntry>>("GET", path);
        assert.equal(status, 200);
        assert.ok(body.items.length <= limit);
        seen.push(...body.items.map(slotOf));
        for (const entry of body.items) if (entry.type === "run") assert.equal(partsIn(entry), 2);
        cursor = body.cursor;
        assert.ok(seen.length <= 13);
      } while (cursor !== undefined);
      assert.deepEqual(
        seen,
        Array.from({ length: 13 }, (_, index) => at(12 - index)),
      );
    });
  }

  test("has of each run how it ended at each target, but not what only its state machine needs", async () => {
    const { api, run } = await started();
    await workAt(api, [siteA, siteB]);
    const { body } = await api.send<Page<HistoryEntry>>("GET", "/v1/plans/nightly/runs");
    const [entry] = body.items;
    assert.ok(entry?.type === "run");
    assert.deepEqual(
      [entry.run.id, entry.run.status, entry.run.targets["b"]?.state],
      [run.id, "succeeded", "succeeded"],
    );
    assert.ok(!("endedIn" in (entry.run.targets["b"] ?? {})));
  });

  test("refuses a cursor that it did not give", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    for (const cursor of ["x", "-", "-.-.-", "..", "UlVO.-", "U0tJUCM.x"]) {
      const { status, body } = await api.send("GET", `/v1/plans/nightly/runs?cursor=${cursor}`);
      assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"], cursor);
    }
  });
});
