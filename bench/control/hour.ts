import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import type { GatewayId, Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { scheduleSchema } from "../../core/api/plan.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import type { RunTask, TaskResult } from "../../core/api/task.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { createSqsTaskQueue } from "../../functions/aws/sqs-task-queue.ts";
import { siteKey } from "../../functions/documents/records.ts";
import { createPlan } from "../../functions/engine/commands.ts";
import { findOverdue } from "../../functions/monitoring/overdue.ts";
import { handlePlanInvocation } from "../../functions/plan.ts";
import type { Deps } from "../../functions/ports/deps.ts";
import { handleReportBatch } from "../../functions/report-batch.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { startAgent } from "../../gateway/agent/agent.ts";
import { recordingLog } from "../../gateway/agent/testing.ts";
import { volume } from "../../gateway/agent/testing-agent.ts";
import { createSqsReportQueue } from "../../gateway/queues/sqs-report-queue.ts";
import { createSqsTaskSource } from "../../gateway/queues/sqs-task-source.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { TaskContext } from "../../gateway/tasks/context.ts";
import { servesNothing } from "../../gateway/tasks/serves-nothing.ts";
import { TimedTable } from "../../test/sim/timed-table.ts";
import { noFaults, World } from "../../test/sim/world.ts";
import { recordOf } from "./contention.ts";
import { billedRequests, ModelSqs, type SqsUse } from "./model-sqs.ts";

/** What a site does in an hour. */
export interface Load {
  /** Hourly plans of each site, each to one target. */
  readonly plans: number;
  readonly objects: number;
  readonly transferSeconds: number;
}

export type CountedFunction = "report" | "plan" | "sweep" | "overdue";
interface Calls {
  count: number;
  /** Of waiting for DynamoDB and the queues; computing comes on top. */
  milliseconds: number;
  writeUnits: number;
  readUnits: number;
}

/** What was counted in a time. */
export interface HourCounts {
  readonly functions: Readonly<Record<CountedFunction, Readonly<Calls>>>;
  readonly sqs: Readonly<Record<SqsUse, number>>;
  readonly answers: { readonly count: number; readonly bytes: number };
  readonly reports: number;
  /** Requests that the reports' bytes are billed as beyond one a call. */
  readonly largeReports: number;
  readonly failedReports: number;
}

const prefix = "cost";
const sites = ["a", "b"] as const;
export const gatewaysPerSite = 2;
/** As gateways have it unless told otherwise. */
const concurrency = 4;
/** infra/aws/reports.ts */
const reportsPerCallMax = 10;
const stepMs = 200;
const minuteMs = 60_000;
const apartMs = 1_400;
const quietLog = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };
const never = new AbortController().signal;

/**
 * Two sites of two gateways, each the other's target, with the control plane's real code and the
 * gateways' real agents and adapters, in virtual time.
 */
class Installation {
  readonly #load: Load;
  readonly #timed = new TimedTable(() => this.#world.table);
  readonly #sqs = new ModelSqs(this.#timed.time, reportQueueName(prefix));
  readonly #caller = new AsyncLocalStorage<Calls>();
  readonly #world = this.#newWorld();
  readonly #deps: Deps;
  /** What each plan finds at its sites. */
  readonly #disks = new Map<PlanId, World>();
  readonly #schedules: { readonly planId: PlanId; readonly minute: number }[] = [];
  readonly #functions: Record<CountedFunction, Calls>;
  #reports = 0;
  #largeReports = 0;
  #failedReports = 0;

  constructor(load: Load) {
    this.#load = load;
    const none = () => ({ count: 0, milliseconds: 0, writeUnits: 0, readUnits: 0 });
    this.#functions = { report: none(), plan: none(), sweep: none(), overdue: none() };
    this.#deps = {
      store: this.#world.store,
      tasks: createSqsTaskQueue({ client: this.#sqs.client(), prefix }),
      scheduler: { put: async () => undefined, remove: async () => undefined },
      clock: { now: () => this.#now() },
      ids: { planId: () => assert.fail("plans have their ids"), fraction: () => 0.5 },
      log: quietLog,
    };
  }

  #newWorld(): World {
    const passage: TimedTable["passage"] = (request, command, input) =>
      this.#timed.passage(
        () => {
          const answer = request();
          const calls = this.#caller.getStore();
          for (const { write, read } of this.#world.table.capacity.last.values()) {
            if (calls === undefined) continue;
            calls.writeUnits += write;
            calls.readUnits += read;
          }
          return answer;
        },
        command,
        input,
      );
    const { sleep } = this.#timed;
    return new World({ seed: 1, sites, keepLast: 1, now: this.#now(), faults: noFaults, passage, sleep });
  }

  #now(): Instant {
    return new Date(this.#timed.time.nowMs()).toISOString() as Instant;
  }

  /** Makes sites and plans, and starts the gateways. */
  async begin(): Promise<void> {
    const site = (id: string) => ({ id, multiCluster: "m", createdAt: this.#now() });
    await this.#world.store.putAll(sites.map((id) => ({ key: siteKey(id as SiteId), body: site(id) })));
    for (const [from, source] of sites.entries()) {
      for (let index = 0; index < this.#load.plans; index += 1) {
        await this.#addPlan(source, sites[1 - from] as string, from * this.#load.plans + index);
      }
    }
    for (let n = 1; n <= gatewaysPerSite; n += 1) {
      for (const id of sites) {
        this.#startGateway(id as SiteId, `${id}${n}`);
        // They know nothing of each other, and don't speak in chorus.
        await this.#timed.time.advance(apartMs);
      }
    }
  }

  async #addPlan(source: string, target: string, index: number): Promise<void> {
    const id = `plan_01JD00000000000000000000${index.toString().padStart(2, "0")}` as PlanId;
    const names = Array.from({ length: this.#load.objects }, (_, n) => `${id}-${n}`);
    const disk = this.#newWorld();
    for (const name of names) disk.site(source).volumes.set(name, 1);
    this.#disks.set(id, disk);
    const minute = 3 + Math.floor((index % this.#load.plans) * (50 / this.#load.plans));
    this.#schedules.push({ planId: id, minute });
    const plan: WholePlan = {
      id,
      kind: "backup",
      status: "active",
      name: id,
      source: source as SiteId,
      targets: [{ site: target as SiteId, retention: { keepLast: 1 }, switches: {} }],
      objects: names.map((name) => ({ kind: "lun", id: name, name })),
      objectCount: names.length,
      objectSet: 1,
      schedule: scheduleSchema.parse({ cycle: "hourly", minute }),
      compression: { enabled: true, level: 1, dictionary: true },
      createdAt: this.#now(),
      slotsDoneUntil: this.#now(),
      sequence: 0,
      lanes: {},
    };
    await createPlan(this.#deps, plan);
  }

  #startGateway(siteId: SiteId, id: string): void {
    const { time } = this.#timed;
    const client = this.#sqs.client();
    const log = recordingLog();
    const source = (queue: "tasks" | "transfers" | "settings") =>
      createSqsTaskSource({ client, prefix, siteId, queue, log, time });
    const objects = [...this.#disks.values()].flatMap((disk) => [...disk.site(siteId).volumes.keys()]);
    const agent = startAgent({
      queues: (["tasks", "transfers"] as const).map((queue) => ({ source: source(queue), concurrency })),
      settings: {
        source: source("settings"),
        apply: () => undefined,
        revoke: async () => undefined,
        revocationsAt: () => undefined,
      },
      refused: { list: () => [], told: () => undefined },
      reports: createSqsReportQueue({ client, prefix, log, signal: never, time }),
      perform: (task, context) => this.#perform(task, context),
      context: {
        storage: { inventory: async () => objects.map(volume), damage: async () => [] } as unknown as StorageDriver,
        send: () => assert.fail("tasks are performed by a model"),
        ...{ serve: servesNothing.serve, awaitReady: servesNothing.awaitReady },
        identity: {
          id: id as GatewayId,
          siteId,
          endpoint: "gateway.example:8443",
          tunnel: "envoy",
          version: "0.1.0",
          storage: "extentstore",
        },
        now: () => this.#now(),
      },
      time,
      log,
    });
    agent.ended.catch(throwLater);
  }

  /** A transfer moves all the time; everything else is done in a second. */
  async #perform(task: RunTask, { signal, onMoved, onProgress }: TaskContext): Promise<TaskResult> {
    const none = { extentsUnchanged: 0, extentsHole: 0, bytesRead: 0, bytesChanged: 0, bytesSent: 0 };
    const seconds = task.kind === "transfer" ? this.#load.transferSeconds : 1;
    for (let second = 0; second < seconds; second += 1) {
      await this.#timed.time.sleep(1000, signal);
      signal.throwIfAborted();
      onMoved();
      const done = { phase: "sending", extentsTotal: seconds, extentsDone: second, bytesTotal: seconds } as const;
      if (task.kind === "transfer") onProgress({ ...none, ...done });
    }
    const disk = this.#disks.get(task.planId) ?? assert.fail("a task of no plan");
    disk.now = this.#now();
    return disk.work(task);
  }

  /** @returns what is counted in so many seconds */
  async play(seconds: number): Promise<HourCounts> {
    const { time } = this.#timed;
    const before = this.#counts();
    const endMs = time.nowMs() + seconds * 1000;
    const end = this.#timed.begin();
    try {
      while (time.nowMs() < endMs) {
        if (time.nowMs() % minuteMs === 0) this.#minute(Math.round(time.nowMs() / minuteMs) % 60);
        this.#takeReports();
        await time.advance(stepMs);
      }
    } finally {
      end();
    }
    return difference(this.#counts(), before);
  }

  /** What the schedules bring about. */
  #minute(minute: number): void {
    this.#call("sweep", () => handleSweep(this.#deps));
    if (minute % 15 === 0) this.#call("overdue", () => findOverdue(this.#deps));
    for (const { planId } of this.#schedules.filter((one) => one.minute === minute)) {
      this.#call("plan", () => handlePlanInvocation(this.#deps, { planId, scheduledTime: this.#now() }));
    }
  }

  #takeReports(): void {
    const reports = this.#sqs.takeReports();
    while (reports.length > 0) {
      const batch = reports.splice(0, reportsPerCallMax);
      this.#reports += batch.length;
      this.#largeReports += billedRequests(batch.reduce((sum, body) => sum + body.length, 0)) - 1;
      const Records = batch.map((body, index) => recordOf(JSON.parse(body), index));
      this.#call("report", async () => {
        const { batchItemFailures } = await handleReportBatch(this.#deps, { Records });
        this.#failedReports += batchItemFailures.length;
      });
    }
  }

  #call(name: CountedFunction, act: () => Promise<unknown>): void {
    const calls = this.#functions[name];
    const { time } = this.#timed;
    const startMs = time.nowMs();
    calls.count += 1;
    const ended = this.#caller.run(calls, act).then(() => {
      calls.milliseconds += time.nowMs() - startMs;
    });
    ended.catch(throwLater);
  }

  #counts(): HourCounts {
    const functions = structuredClone(this.#functions);
    const { requests, answers } = structuredClone({ ...this.#sqs });
    const [reports, largeReports, failedReports] = [this.#reports, this.#largeReports, this.#failedReports];
    return { functions, sqs: requests, answers, reports, largeReports, failedReports };
  }
}

const throwLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });

/** Number by number, however deep. */
const difference = <T>(after: T, before: T): T => {
  if (typeof after === "number") return (after - (before as number)) as T;
  const entries = Object.entries(after as object).map(([name, value]) => [
    name,
    difference(value, (before as Record<string, unknown>)[name]),
  ]);
  return Object.fromEntries(entries) as T;
};

/**
 * Counts an hour of two sites, after one in which everything began. Each has the same plans, and is
 * the other's target, so half of it is a site's.
 */
export const countHour = async (load: Load, seconds = 3600, beforeSeconds = seconds): Promise<HourCounts> => {
  const installation = new Installation(load);
  await installation.begin();
  await installation.play(beforeSeconds);
  return installation.play(seconds);
};
