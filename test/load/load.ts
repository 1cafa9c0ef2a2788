import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Instant, type PlanId, planIdSchema, runIdOf, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import { allItems, pagesOf } from "../../core/api/pages.ts";
import { scheduleSchema } from "../../core/api/plan.ts";
import type { TargetRun } from "../../core/api/run.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change } from "../../core/ports/store.ts";
import { schedulerExpression } from "../../core/schedule/expression.ts";
import { type Clients, createClients } from "../../functions/aws/clients.ts";
import { ensureScheduleGroup } from "../../functions/aws/scheduler.ts";
import { ensureTables } from "../../functions/aws/table.ts";
import { authoritiesOf } from "../../functions/certificates/authorities.ts";
import { mapBounded } from "../../functions/concurrency/map-bounded.ts";
import { partKey, planKey, planNameKey, siteKey } from "../../functions/documents/records.ts";
import { planDueAt } from "../../functions/engine/engine.ts";
import { createDeps, systemClock } from "../../functions/environment.ts";
import { putSet } from "../../functions/plans/plan-objects.ts";
import type { Deps } from "../../functions/ports/deps.ts";
import { listPlans } from "../../functions/queries/plans.ts";
import { localNames, startControlPlane } from "../../infra/local/control-plane.ts";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import { startScheduler } from "../../infra/local/emulators/scheduler.ts";
import { startSqs } from "../../infra/local/emulators/sqs.ts";
import { watchMemory } from "./memory.ts";
import { Writes } from "./writes.ts";

/**
 * `npm run test:load`: so many plans are due at the same minute, on the emulators, the ticker and
 * the functions that a run on one machine has. It fails where not all are started in time, where
 * memory grows, or where one item or partition takes too much of the writes. A script and no test:
 * what node:test notes of every promise would be a third of the work.
 */

/**
 * Snapshot plans of one object each, evenly over the sites: the least work a plan, and so the most
 * plans at once.
 */
const planCount = Number(process.env["LOAD_PLANS"] ?? 10_000);
const siteCount = 10;
const startSecondsMax = 150;
const shareMax = 0.05;
const residentBytesMax = 1e9;
/** Between the last plan's making and the minute at which all are due. */
const leadSeconds = 5;

const quiet = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };
const sites = Array.from({ length: siteCount }, (_, index) => siteIdSchema.parse(`s${index}`));
const idOf = (index: number): PlanId => planIdSchema.parse(`plan_${index.toString().padStart(26, "0")}`);
const minuteAfter = (instant: Instant): Instant =>
  new Date(Math.ceil(Date.parse(instant) / 60_000) * 60_000).toISOString() as Instant;

const planOf = (index: number, due: Instant): WholePlan => ({
  id: idOf(index),
  kind: "snapshot",
  status: "active",
  name: `plan-${index}`,
  source: sites[index % siteCount] as SiteId,
  targets: [],
  objectCount: 1,
  objectSet: 1,
  objects: [{ kind: "lun", id: `lun-${index}`, name: `lun-${index}` }],
  schedule: scheduleSchema.parse({ cycle: "daily", at: due.slice(11, 16) }),
  retention: { keepLast: 3 },
  compression: { enabled: true, level: 1, dictionary: true },
  createdAt: addSeconds(due, -60),
  slotsDoneUntil: addSeconds(due, -60),
  sequence: 0,
  lanes: {},
});

/** Writes plans as `createPlan` would, thirty in one transaction. */
const putPlans = async (deps: Deps, plans: readonly WholePlan[]): Promise<void> => {
  const batches = Array.from({ length: Math.ceil(plans.length / 30) }, (_, i) => plans.slice(i * 30, i * 30 + 30));
  await mapBounded(batches, 8, (batch) =>
    deps.store.commit(
      batch.flatMap(({ objects, ...plan }): Change[] => {
        const dueAt = planDueAt(plan, plan.createdAt);
        assert(dueAt);
        return [
          { type: "put", key: planKey(plan.id), body: plan, expect: "absent", dueAt },
          { type: "put", key: planNameKey(plan.name), body: { planId: plan.id }, expect: "absent" },
          ...putSet(plan, objects),
        ];
      }),
    ),
  );
};

/**
 * Has the scheduler make the schedule of one plan, and copies it for the others in
 * the emulator's file.
 */
const putSchedules = async (dir: string, plans: readonly WholePlan[]): Promise<void> => {
  const [first] = plans;
  assert(first?.schedule);
  const emulator = await startScheduler({ dir, clock: systemClock });
  const clients = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
  try {
    await ensureScheduleGroup(clients.scheduler, localNames.scheduleGroup);
    await createDeps(clients, localNames, quiet).scheduler.put(first.id, schedulerExpression(first.schedule));
  } finally {
    clients.destroy();
    await emulator.stop();
  }
  const path = join(dir, "schedules.json");
  const file = JSON.parse(await readFile(path, "utf8"));
  const text = JSON.stringify(file.schedules[0]);
  file.schedules = plans.map(({ id }) => JSON.parse(text.replaceAll(first.id, id)));
  await writeFile(path, JSON.stringify(file));
};

/** The runs whose first task was taken by a queue. */
const watchTasks = ({ sqs }: Pick<Clients, "sqs">): { readonly begun: Set<string>; sent: number } => {
  const seen = { begun: new Set<string>(), sent: 0 };
  sqs.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      if (context.commandName !== "SendMessageBatchCommand") return result;
      const { Entries = [] } = args.input as { Entries?: { MessageBody: string }[] };
      for (const { MessageBody } of Entries) {
        seen.sent += 1;
        seen.begun.add(JSON.parse(MessageBody).runId);
      }
      return result;
    },
    { step: "initialize", name: "tasks" },
  );
  return seen;
};

const seconds = (since: number) => (performance.now() - since) / 1000;

const say = (text: string) => process.stdout.write(`${text}\n`);

/** What was started last is stopped first. */
const stops: (() => Promise<void>)[] = [];

const measure = async (): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-load-"));
  stops.push(() => rm(dir, { recursive: true }));
  const memory = watchMemory(dir);
  stops.push(async () => void (await memory.stop()));

  const dynamo = await startDynamo({ dir: join(dir, "dynamodb") });
  stops.push(() => dynamo.stop());
  const sqs = await startSqs();
  stops.push(() => sqs.stop());
  const services = { AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint, AWS_ENDPOINT_URL_SQS: sqs.endpoint };
  const setup = createClients(services);
  stops.push(async () => setup.destroy());
  const deps = createDeps(setup, localNames, quiet);
  await ensureTables(setup.dynamodb, localNames.tableName);
  for (const id of sites) {
    const body = { id, multiCluster: "load", createdAt: systemClock.now() };
    await deps.store.commit([{ type: "put", key: siteKey(id), body, expect: "absent" }]);
  }

  // Far enough ahead for plans to be made; a slot that has passed by then would
  // be a different test.
  const begun = performance.now();
  const due = minuteAfter(addSeconds(systemClock.now(), leadSeconds + planCount / 200));
  const plans = Array.from({ length: planCount }, (_, index) => planOf(index, due));
  await putPlans(deps, plans);
  await putSchedules(join(dir, "scheduler"), plans);
  assert(systemClock.now() < due, "the plans were not made before they were due");
  say(`${planCount} plans of ${siteCount} sites were made in ${seconds(begun).toFixed(1)} s`);

  const scheduler = await startScheduler({ dir: join(dir, "scheduler"), clock: systemClock });
  stops.push(() => scheduler.stop());
  const env = { ...services, AWS_ENDPOINT_URL_SCHEDULER: scheduler.endpoint };
  const clients = createClients(env);
  const writes = new Writes();
  writes.watch(clients);
  const tasks = watchTasks(clients);
  const end = new AbortController();
  await startControlPlane({
    ...{ dir, env, clients, sites, port: 0, log: quiet, signal: end.signal },
    authorities: authoritiesOf(new Map()),
  });
  stops.push(async () => end.abort());

  await wait(Date.parse(due) - Date.now());
  writes.reset();
  const start = performance.now();
  while (tasks.begun.size < planCount && seconds(start) < startSecondsMax) await wait(250);
  const took = seconds(start);
  const { partition, item, dueShard } = writes.hottest();
  say(`${tasks.begun.size} runs were started ${took.toFixed(1)} s after the minute began, with ${tasks.sent} tasks`);
  say(`${writes.total} writes in ${writes.requests} requests to DynamoDB`);
  const percent = (share: number) => `${(share * 100).toFixed(3)} %`;
  say(
    `most writes: ${percent(partition.share)} to the partition ${partition.name}, ${percent(item.share)} to one item`,
  );
  say(`most writes of the index of what is due: ${percent(dueShard.share)} to shard ${dueShard.name}`);
  assert.equal(tasks.begun.size, planCount, `not all were started within ${startSecondsMax} s`);

  const listed = performance.now();
  let slowest = 0;
  const timedPage = async (cursor: string | undefined) => {
    const page = performance.now();
    const answer = await listPlans(deps, { limit: 100, cursor });
    slowest = Math.max(slowest, seconds(page));
    return answer;
  };
  const names = (await allItems(pagesOf(timedPage))).length;
  say(
    `${names} plans are listed in pages of 100 in ${seconds(listed).toFixed(1)} s, the slowest page in ${slowest.toFixed(2)} s`,
  );
  assert.equal(names, planCount);

  const parts = await mapBounded(plans, 16, ({ id, source }) =>
    deps.store.get<TargetRun>(partKey(runIdOf(id, due), source)),
  );
  const states = new Set(parts.map((part) => part?.body.state));
  assert.deepEqual([...states], ["snapshotting"], "a run that was started is not there, or not where it should be");

  const peak = await memory.stop();
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  say(
    `memory at most: ${megabytes(peak.control)} control plane with its emulators, ${megabytes(peak.emulator)} dynoxide`,
  );
  assert(peak.control > 0 && peak.emulator > 0, "memory was not measured");
  assert(peak.control + peak.emulator < residentBytesMax);
  for (const { name, share } of [partition, item, dueShard]) {
    assert(share > 0 && share <= shareMax, `${percent(share)} of the writes went to ${name}`);
  }
};

try {
  await measure();
} catch (error) {
  say(error instanceof Error ? `${error.stack}` : String(error));
  process.exitCode = 1;
} finally {
  for (const stop of stops.reverse()) await stop();
  // The functions of the control plane would go on for a while; there is nothing left to wait for.
  process.exit();
}
