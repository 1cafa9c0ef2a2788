import assert from "node:assert/strict";
import { DeleteScheduleCommand } from "@aws-sdk/client-scheduler";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import type { z } from "zod";
import { credentialsPath, type QueueCredentials, queueCredentialsSchema } from "../../../core/api/access.ts";
import type { AuditEntry } from "../../../core/api/audit.ts";
import { certificateAnswerSchema, renewPath } from "../../../core/api/enrolment.ts";
import type { GatewayId, GroupId, Instant, PlanId, RunId, SiteId } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { Plan } from "../../../core/api/plan.ts";
import { reportQueueName, siteQueueName } from "../../../core/api/queues.ts";
import type { Run, Shard, TargetRun } from "../../../core/api/run.ts";
import type { RunTask } from "../../../core/api/task.ts";
import type { Scope } from "../../../core/api/token.ts";
import { addSeconds } from "../../../core/ports/clock.ts";
import type { Key } from "../../../core/ports/store.ts";
import { objectNamed } from "../../../functions/api/testing.ts";
import { doTask, resultOf } from "../../../functions/api/testing-gateway.ts";
import { listAudit } from "../../../functions/audit/audit.ts";
import type { Refusal } from "../../../functions/audit/refusals.ts";
import { createClients } from "../../../functions/aws/clients.ts";
import { queueUrlOf } from "../../../functions/aws/queues.ts";
import {
  mappingKey,
  outboxKey,
  partKey,
  planKey,
  refusalKey,
  runOfKey,
  runPrefix,
  shardKey,
} from "../../../functions/documents/records.ts";
import { putInventoryPart } from "../../../functions/inventory/inventory.ts";
import { askControlPlane } from "../../../gateway/enrolment/control-plane.ts";
import { type FunctionName, namesOf } from "../../../infra/aws/names.ts";
import type { CertificateWithKey } from "../../../pki/authority.ts";
import { proofFor, type RequestToProve } from "../../../pki/proof.ts";
import { createRequest } from "../../../pki/request.ts";
import { type Deployment, installation } from "./deployment.ts";

export const multiCluster = "main" as SiteId;
const { prefix } = installation;
const siteA = "a" as SiteId;
const siteB = "b" as SiteId;
const hourly = { cycle: "hourly", minute: 0, every: 1, timeZone: "UTC", startsOn: "2026-01-01" };

/** What each function does, all of it: throws when some of it did not happen. */
export type Exercises = Readonly<Record<FunctionName | "gateway", () => Promise<void>>> & {
  /** What a gateway of site a that has just enrolled is given for its queues. */
  readonly gatewayCredentials: () => Promise<QueueCredentials>;
};

/** Registers the sites, and says what site a has. */
export const furnish = async ({ deps }: Deployment, call: ApiCall): Promise<void> => {
  for (const id of ["a", "b"]) await call("POST", "/v1/sites", { id, multiCluster });
  await putInventoryPart(deps, { ...inventoryOf([objectNamed("db")]), generation: 1 });
};

const inventoryOf = (objects: readonly ObjectConfig[]) => ({
  kind: "inventory" as const,
  siteId: siteA,
  gatewayId: "gw-1" as GatewayId,
  part: 0,
  parts: 1,
  observedAt: new Date().toISOString() as Instant,
  objects: [...objects],
});

/** One call of the API, which must succeed. */
export type ApiCall = <T>(method: string, path: string, body?: object, bearer?: string) => Promise<T>;

export const callerOf =
  ({ api }: Deployment, token: string): ApiCall =>
  async <T>(method: string, path: string, body?: object, bearer = token): Promise<T> => {
    const answer = await fetch(api.url + path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };

const aboutOf = ({ id: taskId, runId, target, step, index, attempt, siteId }: RunTask) => ({
  ...{ taskId, runId, target, step, index, attempt, siteId },
  gatewayId: "gw-1",
});

const failureOf = (task: RunTask, reason: { readonly code: string; readonly message: string }) => ({
  ...aboutOf(task),
  ...{ kind: "failed", reason, retryable: false, progressed: false },
});

const recordOf = (messageId: string, body: string) => ({ messageId, body, attributes: { SenderId: "somebody" } });

const ofStranger = {
  actor: { kind: "stranger" },
  ...{ code: "UNAUTHENTICATED", method: "GET", path: "/" },
} as const;

/** What the SDK finds when a gateway has these. */
export const environmentOf = (deployment: Deployment, given: QueueCredentials) => ({
  ...deployment.gatewayEnv,
  AWS_ACCESS_KEY_ID: given.accessKeyId,
  AWS_SECRET_ACCESS_KEY: given.secretAccessKey,
  AWS_SESSION_TOKEN: given.sessionToken,
});

export const exercisesOf = (deployment: Deployment, call: ApiCall): Exercises => {
  const { deps, clients } = deployment;
  let made = 0;
  const fresh = (what: string) => `${what}${++made}`;

  /**
   * Effects that could not be carried out are left to the sweep, and nobody is told: so this looks.
   */
  const assertAllDone = async (): Promise<void> => {
    const due = await deps.store.due({ now: addSeconds(deps.clock.now(), 7200), limit: 500 });
    const left = due.filter(({ sort }) => sort.startsWith("OUTBOX#"));
    for (const key of left) await deps.store.commit([{ type: "delete", key, expect: "any" }]);
    assert.deepEqual(left, [], "effects were not carried out");
  };

  const newToken = async (scopes: readonly Scope[]): Promise<string> =>
    (await call<{ token: string }>("POST", "/v1/tokens", { name: fresh("token"), scopes })).token;

  /** It is refused, and counted: as one more than before. */
  const assertRefused = async (path: string, token: string): Promise<void> => {
    await assert.rejects(call("GET", path, undefined, token), /403/);
    const { partition } = refusalKey("", "", "");
    const { items } = await deps.store.query<Refusal>({ partition, limit: 500 });
    const id = token.split("_")[1];
    assert(
      items.some(({ body: { actor } }) => actor.kind === "token" && actor.id === id),
      "it was not counted",
    );
  };

  const trail = async (): Promise<readonly AuditEntry[]> => (await listAudit(deps, { limit: 100 })).items;
  const idOf = (request: unknown) => (request as { id?: string } | undefined)?.id;

  const change = async <T extends object>(key: Key, changed: (body: T) => T, dueAt?: string): Promise<void> => {
    const stored = await deps.store.get<T>(key);
    assert(stored, `${key.sort} is missing`);
    const body = changed(stored.body);
    const due = dueAt === undefined ? {} : { dueAt: dueAt as never };
    await deps.store.commit([{ type: "put", key, body, expect: { version: stored.version }, ...due }]);
  };
  const ago = (seconds: number) => addSeconds(deps.clock.now(), -seconds);

  const newPlan = async (): Promise<Plan> =>
    call<Plan>("POST", "/v1/plans", {
      name: fresh("plan"),
      source: "a",
      targets: [{ site: "b", retention: { keepLast: 2 } }],
      objects: [{ kind: "lun", name: "db" }],
      schedule: hourly,
    });
  /** Three slots have gone by. @param isSweepDue whether the sweep may find that */
  const lapse = (planId: PlanId, isSweepDue: boolean): Promise<void> =>
    change<Plan>(
      planKey(planId),
      (plan) => ({ ...plan, slotsDoneUntil: ago(3 * 3600) }),
      isSweepDue ? ago(60) : undefined,
    );

  const runsOf = async (planId: PlanId): Promise<readonly Run[]> => {
    const { items } = await deps.store.query<Run>({ ...planKey(planId), prefix: runPrefix, limit: 20 });
    return items.filter(({ key }) => runOfKey(key).target === undefined).map(({ body }) => body);
  };
  const partOf = async (runId: RunId) => (await deps.store.get<TargetRun>(partKey(runId, siteB)))?.body;

  /** What waits on a site's queues, taken off them. */
  const takeTasks = async (): Promise<readonly RunTask[]> => {
    const tasks: RunTask[] = [];
    for (const site of ["a", "b"] as SiteId[]) {
      for (const queue of ["tasks", "transfers"] as const) {
        const QueueUrl = await queueUrlOf(clients.sqs, siteQueueName(prefix, site, queue));
        for (;;) {
          const { Messages = [] } = await clients.sqs.send(
            new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
          );
          if (Messages.length === 0) break;
          for (const { Body = "", ReceiptHandle } of Messages) {
            tasks.push(JSON.parse(Body));
            await clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
          }
        }
      }
    }
    return tasks;
  };

  const said = async (messageId: string, report: object): Promise<void> => {
    const event = { Records: [recordOf(messageId, JSON.stringify(report))] };
    assert.deepEqual(await deployment.invoke("report", event), { batchItemFailures: [] });
    await assertAllDone();
  };
  const groupsOn = new Map<SiteId, Set<GroupId>>();
  const reportDone = async (task: RunTask): Promise<void> => {
    const groups = groupsOn.get(task.siteId) ?? new Set();
    groupsOn.set(task.siteId, groups);
    doTask(groups, task);
    const result = resultOf(task, deps.clock.now(), groups);
    await said(task.id, { ...aboutOf(task), kind: "completed", result });
  };

  /**
   * Reports all tasks of a run as done until one of a kind comes, or until it is over.
   * @returns that one
   */
  const playTo = async (runId: RunId, kind: RunTask["kind"] | undefined): Promise<RunTask | undefined> => {
    for (let round = 0; round < 10; round += 1) {
      if ((await partOf(runId))?.step === null) return undefined;
      const tasks = (await takeTasks()).filter((task) => task.runId === runId);
      assert(tasks.length > 0, "there is no task");
      for (const task of tasks) {
        if (task.kind === kind) return task;
        await reportDone(task);
      }
    }
    return assert.fail(`the run ${runId} does not end`);
  };

  /** Asks with a proof, as a gateway does. */
  const asGateway = <T>(shown: CertificateWithKey, path: string, json: object, answer: z.ZodType<T>): Promise<T> => {
    const bearer = (request: RequestToProve) => proofFor(request, shown, Date.now());
    const signal = AbortSignal.timeout(30_000);
    return askControlPlane({ api: deployment.api.url, path, bearer, json, answer, signal });
  };

  /**
   * A run whose mirrors nobody has been told to prepare, since whoever was to tell it died.
   * @returns the key of what is written down before
   */
  const leaveUndealt = async (): Promise<Key> => {
    const plan = await newPlan();
    const { id } = await call<{ id: RunId }>("POST", `/v1/plans/${plan.id}/run`);
    assert(await playTo(id, "prepare"));
    const mapping = mappingKey(id, siteB);
    await deps.store.deleteAll([mapping, shardKey(id, siteB, "preparing", 0)]);
    await change<TargetRun>(partKey(id, siteB), (part) => part, ago(60));
    return mapping;
  };

  const enrolAndRenew = async (): Promise<CertificateWithKey> => {
    const identity = { multiCluster, siteId: siteA, gatewayId: fresh("g") as never };
    const { token } = await call<{ token: string }>("POST", "/v1/sites/a/enrolments", {
      gatewayId: identity.gatewayId,
    });
    const first = await createRequest(identity);
    const { certificate } = await call<{ certificate: string }>(
      "POST",
      "/v1/enrol",
      { request: first.requestPem },
      token,
    );
    const shown = { certificatePem: certificate, keyPem: first.keyPem };
    await asGateway(shown, renewPath, { request: (await createRequest(identity)).requestPem }, certificateAnswerSchema);
    return shown;
  };

  /** What a gateway of site a that has just enrolled is given for its queues. */
  const gatewayCredentials = async (): Promise<QueueCredentials> =>
    asGateway(await enrolAndRenew(), credentialsPath, {}, queueCredentialsSchema);

  return {
    gatewayCredentials,

    async api() {
      const site = fresh("s");
      await call("POST", "/v1/sites", { id: site, multiCluster });
      assert(
        (await trail()).some(({ request }) => idOf(request) === site),
        "the change was not written down",
      );
      await call("GET", "/v1/sites");
      await assertRefused("/v1/tokens", await newToken(["read"]));
      await gatewayCredentials();
      const plan = await newPlan();
      await call("POST", `/v1/plans/${plan.id}/run`);
      assert.equal((await runsOf(plan.id)).length, 1);
      await assertAllDone();
      await lapse(plan.id, false);
      await call("DELETE", `/v1/plans/${plan.id}`);
      await call("GET", "/v1/plans");
      await assertAllDone();
    },

    async plan() {
      const [free, busy] = [await newPlan(), await newPlan()];
      // One run goes on and one waits, whose place the slot's run takes.
      await call("POST", `/v1/plans/${busy.id}/run`);
      await call("POST", `/v1/plans/${busy.id}/run`);
      for (const { id: planId } of [free, busy]) {
        await lapse(planId, false);
        await deployment.invoke("plan", { planId, scheduledTime: deps.clock.now() });
        await assertAllDone();
        assert((await runsOf(planId)).some(({ trigger }) => trigger === "schedule"));
      }
    },

    async report() {
      await takeTasks();
      const inventory = { ...inventoryOf([objectNamed("db"), objectNamed(fresh("lun"))]), generation: Date.now() };
      await said("inventory", inventory);
      const plan = await newPlan();
      const { id } = await call<{ id: RunId }>("POST", `/v1/plans/${plan.id}/run`);
      // It waits, is started when the first is over, and turns out to have no base: that is noted.
      const { id: next } = await call<{ id: RunId }>("POST", `/v1/plans/${plan.id}/run`);
      await playTo(id, undefined);
      assert.equal((await partOf(id))?.state, "succeeded");
      const transfer = await playTo(next, "transfer");
      assert(transfer !== undefined);
      await said("failed", failureOf(transfer, { code: "BASE_MISSING", message: "it is gone" }));
      // One that fails before it has a group leaves nothing that is kept.
      const failing = await newPlan();
      const { id: failed } = await call<{ id: RunId }>("POST", `/v1/plans/${failing.id}/run`);
      const [task] = (await takeTasks()).filter(({ runId }) => runId === failed);
      assert(task !== undefined);
      await said("failed", failureOf(task, { code: "STORE_CORRUPT", message: "a disk" }));
      assert.equal((await partOf(failed))?.state, "failed");
    },

    async sweep() {
      const undealt = await leaveUndealt();
      const ticked = await newPlan();
      const cancelled = await newPlan();
      const stuck = await newPlan();
      // One run goes on and one waits, whose place the slot's run takes.
      for (let times = 0; times < 2; times += 1) await call("POST", `/v1/plans/${ticked.id}/run`);
      const { id: stuckRun } = await call<{ id: RunId }>("POST", `/v1/plans/${stuck.id}/run`);
      await call("POST", `/v1/plans/${cancelled.id}/suspend`);
      await lapse(ticked.id, true);
      await clients.scheduler.send(
        new DeleteScheduleCommand({ Name: ticked.id, GroupName: namesOf(prefix).scheduleGroup }),
      );
      for (const { id: planId } of [ticked, cancelled]) {
        const effects = { of: "plan", planId, effects: [{ type: "sync-schedule" }] };
        const key = outboxKey(planKey(planId), 1_000_000);
        await deps.store.commit([{ type: "put", key, body: { effects, failures: 0 }, expect: "any", dueAt: ago(60) }]);
      }
      const refusal = { ...ofStranger, at: deps.clock.now(), requestId: fresh("request") };
      const counted = refusalKey("2026-03-01T01:00", "stranger", refusal.requestId);
      await deps.store.commit([{ type: "put", key: counted, body: refusal, expect: "absent", dueAt: ago(60) }]);
      const snapshot = shardKey(stuckRun, siteA, "snapshotting", 0);
      await change<Shard>(snapshot, (shard) => ({ ...shard, deadline: ago(60) }), ago(60));
      const swept = (await deployment.invoke("sweep", {})) as { due: number; failed: number };
      await assertAllDone();
      assert(await deps.store.get(undealt), "nobody looked up where mirrors belong");
      assert(
        (await trail()).some(({ requestId }) => requestId === refusal.requestId),
        "a refusal was not told",
      );
      assert(swept.due >= 5, `only ${swept.due} documents were due`);
      assert.equal(swept.failed, 0);
      assert((await runsOf(ticked.id)).some(({ trigger }) => trigger === "schedule"));
    },

    async "dead-letters"() {
      await takeTasks();
      const plan = await newPlan();
      const { id } = await call<{ id: RunId }>("POST", `/v1/plans/${plan.id}/run`);
      const [task] = (await takeTasks()).filter(({ runId }) => runId === id);
      assert(task !== undefined);
      // It waits, and the schedule's run takes its place.
      await call("POST", `/v1/plans/${plan.id}/run`);
      const report = JSON.stringify({ ...aboutOf(task), kind: "working" });
      await lapse(plan.id, false);
      const invocation = JSON.stringify({ planId: plan.id, scheduledTime: deps.clock.now() });
      const event = { Records: [recordOf("letter-1", report), recordOf("letter-2", invocation)] };
      assert.deepEqual(await deployment.invoke("dead-letters", event), { batchItemFailures: [] });
      await assertAllDone();
      assert.equal((await call<{ deadLetters: number }>("GET", `/v1/runs/${id}`)).deadLetters, 1);
      assert((await runsOf(plan.id)).some(({ trigger }) => trigger === "schedule"));
      // A plan that is idle is started by it, with its tasks.
      const idle = await newPlan();
      await lapse(idle.id, false);
      const fired = JSON.stringify({ planId: idle.id, scheduledTime: deps.clock.now() });
      await deployment.invoke("dead-letters", { Records: [recordOf("letter-3", fired)] });
      await assertAllDone();
      assert.equal((await runsOf(idle.id)).length, 1);
    },

    async audit() {
      const name = fresh("s");
      await call("POST", "/v1/sites", { id: name, multiCluster });
      const { items } = await call<{ items: readonly AuditEntry[] }>("GET", "/v1/audit");
      assert(items.some(({ request }) => idOf(request) === name));
      await assertRefused("/v1/audit", await newToken(["read"]));
    },

    async overdue() {
      assert.equal(typeof (await deployment.invoke("overdue", {})), "number");
    },

    async "site-queues"() {
      const site = fresh("q") as SiteId;
      // One that is there with other attributes has to be brought in line.
      const QueueName = siteQueueName(prefix, site, "tasks");
      await clients.sqs.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: "7" } }));
      await deployment.invoke("site-queues", { siteId: site });
      await queueUrlOf(clients.sqs, siteQueueName(prefix, site, "settings"));
    },

    async gateway() {
      const { sqs: client } = createClients(environmentOf(deployment, await gatewayCredentials()));
      try {
        const name = siteQueueName(prefix, siteA, "settings");
        const url = await queueUrlOf(clients.sqs, name);
        await clients.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: fresh("message") }));
        const QueueUrl = await queueUrlOf(client, name);
        const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl }));
        const ReceiptHandle = Messages[0]?.ReceiptHandle;
        await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 5 }));
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
        const reports = await queueUrlOf(client, reportQueueName(prefix));
        // What is no report is dropped by its consumer.
        await client.send(new SendMessageCommand({ QueueUrl: reports, MessageBody: "{}" }));
      } finally {
        client.destroy();
      }
    },
  };
};
