import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../core/api/answers.ts";
import { VisibleError } from "../core/api/errors.ts";
import { messageFormat, newestMessageFormat } from "../core/api/message.ts";
import type { Plan } from "../core/api/plan.ts";
import type { RunTask } from "../core/api/task.ts";
import { createNightlyPlan, createTestApi, siteA, siteB, type TestApi } from "./api/testing.ts";
import { complete, takeTasks, workAt } from "./api/testing-gateway.ts";
import type { SQSEvent } from "./aws/lambda-events.ts";
import { handleDeadLetters } from "./dead-letters.ts";
import { handleReport } from "./report.ts";

const event = (...bodies: readonly unknown[]): SQSEvent => ({
  Records: bodies.map((body, index) => ({
    ...{ messageId: `m${index}`, receiptHandle: "r", md5OfBody: "", awsRegion: "x", messageAttributes: {} },
    body: typeof body === "string" ? body : JSON.stringify(body),
    attributes: {
      ...{ ApproximateReceiveCount: "1", SentTimestamp: "0", ApproximateFirstReceiveTimestamp: "0", SenderId: "" },
    },
    ...{ eventSource: "aws:sqs" as const, eventSourceARN: "" },
  })),
});

const started = async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const { body: run } = await api.send<{ id: string }>("POST", "/v1/plans/nightly/run");
  return { api, plan, run };
};
const look = async (api: TestApi, { id }: { id: string }) => (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;
const failedReport = ({ id: taskId, runId, target, step, index, attempt, siteId }: RunTask) => ({
  ...{ taskId, runId, target, step, index, attempt, siteId, gatewayId: "gw-1" },
  ...{ kind: "failed", retryable: false, progressed: false },
  reason: { code: "STORE_CORRUPT", message: "a disk" },
});

describe("dead letters", () => {
  test("of reports mark their run, and a redrive takes them in", async () => {
    const { api, run } = await started();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    assert.deepEqual(await handleDeadLetters(api.deps, event(failedReport(task))), { batchItemFailures: [] });
    const marked = await look(api, run);
    assert.deepEqual([marked.deadLetters, marked.status], [1, "running"]);
    assert.equal(api.errors.length, 1);
    const { body } = await api.send<RunAnswer>("POST", `/v1/runs/${run.id}/redrive`);
    assert.deepEqual([body.deadLetters, body.status], [0, "failed"]);
  });

  test("that are taken in when all is over change nothing", async () => {
    const { api, run } = await started();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    await handleDeadLetters(api.deps, event(failedReport(task), failedReport(task)));
    await complete(api, task);
    await workAt(api, [siteA, siteB]);
    const before = await look(api, run);
    assert.deepEqual([before.deadLetters, before.status], [2, "succeeded"]);
    const { body } = await api.send<RunAnswer>("POST", `/v1/runs/${run.id}/redrive`);
    assert.deepEqual(body, { ...before, deadLetters: 0 });
  });

  test("of a schedule start the run that it would have started, once", async () => {
    const { api, plan } = await started();
    await workAt(api, [siteA, siteB]);
    const { body: before } = await api.send<Plan>("GET", "/v1/plans/nightly");
    api.pass(24 * 3600);
    const fired = { planId: plan.id, scheduledTime: "2026-03-02T01:00:00Z" };
    await handleDeadLetters(api.deps, event(fired, fired));
    const runs = async () =>
      (await api.send<{ items: { type: string }[] }>("GET", "/v1/plans/nightly/runs")).body.items.length;
    const after = await runs();
    assert.ok(after > 1, `${after} entries; before it was ${JSON.stringify(before.lanes)}`);
    await handleDeadLetters(api.deps, event(fired));
    assert.equal(await runs(), after);
  });

  test("that nobody can make anything of are logged and gone, and what fails comes again", async () => {
    const { api } = await started();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    const alive = {
      kind: "alive",
      gateway: { id: "a1", siteId: "a", endpoint: "x:1", tunnel: "envoy", version: "1", storage: "x" },
    };
    const before = await api.dump();
    assert.deepEqual(await handleDeadLetters(api.deps, event("no json", { kind: "x" }, alive)), {
      batchItemFailures: [],
    });
    assert.equal(await api.dump(), before);
    assert.equal(api.errors.length, 3);
    const { putAll } = api.deps.store;
    Object.assign(api.deps.store, { putAll: () => Promise.reject(new Error("throttled")) });
    const failed = await handleDeadLetters(api.deps, event(failedReport(task)));
    Object.assign(api.deps.store, { putAll });
    assert.deepEqual(failed, { batchItemFailures: [{ itemIdentifier: "m0" }] });
  });

  test("of a newer version wait for it, as reports and as dead letters, whatever they are about", async () => {
    const { api } = await started();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    const format = newestMessageFormat + 1;
    const before = await api.dump();
    for (const newer of [
      { ...failedReport(task), format },
      { kind: "of tomorrow", format },
    ]) {
      await assert.rejects(handleReport(api.deps, newer), (error) => VisibleError.is(error, "NEWER_VERSION"));
      const kept = await handleDeadLetters(api.deps, event(newer));
      assert.deepEqual(kept, { batchItemFailures: [{ itemIdentifier: "m0" }] });
    }
    assert.equal(await api.dump(), before);
    const { siteId: _, ...rest } = failedReport(task);
    await handleReport(api.deps, { ...rest, siteId: task.siteId, format: messageFormat });
    assert.notEqual(await api.dump(), before);
  });
});
