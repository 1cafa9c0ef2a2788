import assert from "node:assert/strict";
import type { RevocationList } from "../../core/api/enrolment.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import { sendableText } from "../../core/api/message.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { type RunTask, type SettingsTask, type TaskResult, taskSchema } from "../../core/api/task.ts";
import type { TaskMessage, TaskSource } from "../queues/task-source.ts";
import type { GroupDamage } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { GatewayContext, TaskContext } from "../tasks/context.ts";
import type { PerformTask } from "../tasks/perform.ts";
import { servesNothing } from "../tasks/serves-nothing.ts";
import { identity, instant, progressOf, runTaskFields } from "../tasks/testing.ts";
import { type AgentOptions, startAgent } from "./agent.ts";
import { type ManualTime, manualTime, recordingLog, settle } from "./testing.ts";

/** A transfer task. */
export const task = (fields: Partial<RunTask> = {}): RunTask =>
  taskSchema.parse({
    ...runTaskFields,
    kind: "transfer",
    step: "transferring",
    volumes: [{ snapshotId: "s1", baseSnapshotId: null, mirrorVolumeId: "m1" }],
    baseGroupId: null,
    compression: { enabled: true, level: 1, dictionary: true },
    endpoints: [],
    ...fields,
  }) as RunTask;
export const result: TaskResult = { kind: "transfer", progress: progressOf({ phase: "done" }) };
export const volume = (id: string): ObjectConfig => ({
  kind: "volume",
  id,
  name: id,
  volumes: [{ id, sizeBytes: 1, geometry: { extentBytes: 65536, stripeCount: 1, stripeBytes: 65536 } }],
});

/** A queue in memory that writes down what is done with receipts. */
const fakeSource = (time: ManualTime) => {
  const inbox: TaskMessage[] = [];
  const calls: string[] = [];
  const polls: number[] = [];
  let wake = new AbortController();
  let receipts = 0;
  const source: TaskSource = {
    async receive({ max, waitSeconds, signal }) {
      polls.push(waitSeconds);
      if (inbox.length === 0) await time.sleep(waitSeconds * 1000, AbortSignal.any([wake.signal, signal]));
      wake = new AbortController();
      return inbox.splice(0, max);
    },
    extend: async (receipt, seconds) => void calls.push(`extend ${receipt} ${seconds}`),
    remove: async (receipt) => void calls.push(`remove ${receipt}`),
    release: async (receipt) => void calls.push(`release ${receipt}`),
  };
  return {
    source,
    calls,
    /** How long each poll was to wait, in seconds. */
    polls,
    /** Delivers a message; the first receipt is `r1`, the second `r2`. */
    async deliver(body: unknown, messageId = `message-${receipts + 1}`) {
      inbox.push({
        messageId,
        receipt: `r${++receipts}`,
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      wake.abort();
      await settle();
    },
    ended: () => calls.filter((call) => !call.startsWith("extend")),
  };
};

interface Try {
  readonly task: RunTask;
  readonly context: TaskContext;
  readonly resolve: (result: TaskResult) => Promise<void>;
  readonly reject: (error: unknown) => Promise<void>;
}

/** An agent whose queue, handlers, time and network are the test's. */
export const setUp = (
  options: {
    concurrency?: number;
    obeysAbort?: boolean;
    twoQueues?: boolean;
    /** Targets share the queue, as they share a gateway's queue of transfers. */
    isFair?: boolean;
    /**
     * Whatever a task needs of the gateway, and does; by default the test says what comes of it.
     */
    context?: Partial<GatewayContext>;
    perform?: PerformTask;
    revoke?: (list: RevocationList) => Promise<void>;
    state?: NonNullable<Parameters<typeof startAgent>[0]["state"]>;
    /** Nothing, unless a test says so. */
    refused?: AgentOptions["refused"];
  } = {},
) => {
  const time = manualTime();
  let clockOffMs = 0;
  const log = recordingLog();
  const queue = fakeSource(time);
  const other = options.twoQueues === true ? fakeSource(time) : undefined;
  const settings = fakeSource(time);
  const applied: SettingsTask[] = [];
  const revoked: RevocationList[] = [];
  const reports: Report[] = [];
  const tries: Try[] = [];
  const world = {
    reportsFail: false,
    /** So many reports are taken, and then they fail. */
    reportsFailAfter: Number.POSITIVE_INFINITY,
    reportsHang: false,
    inventory: [volume("v1")],
    damage: [] as readonly GroupDamage[],
    facilities: { kinds: ["volume"], pools: [], switches: [] } as Facilities,
  };
  const agent = startAgent({
    queues: [queue, ...(other === undefined ? [] : [other])].map(({ source }) => ({
      source,
      concurrency: options.concurrency ?? 4,
      ...(options.isFair && { siteOf: ({ target }: RunTask) => target }),
    })),
    settings: {
      source: settings.source,
      apply: (newest) => void applied.push(newest),
      revoke: options.revoke ?? (async (list) => void revoked.push(list)),
      revocationsAt: () => revoked.at(-1)?.issuedAt,
    },
    reports: {
      async send(report) {
        if (world.reportsHang) await new Promise(() => undefined);
        if (world.reportsFail || reports.length >= world.reportsFailAfter) throw new Error("no network");
        reports.push(reportSchema.parse(JSON.parse(sendableText(report, "The report"))));
      },
    },
    perform: (task, context) => {
      if (options.perform !== undefined) return options.perform(task, context);
      const { promise, resolve, reject } = Promise.withResolvers<TaskResult>();
      if (options.obeysAbort !== false) {
        context.signal.addEventListener("abort", () => reject(context.signal.reason), { once: true });
      }
      tries.push({
        task,
        context,
        resolve: (value) => {
          resolve(value);
          return settle();
        },
        reject: (error) => {
          reject(error);
          return settle();
        },
      });
      return promise;
    },
    context: {
      storage: {
        inventory: async () => world.inventory,
        damage: async () => world.damage,
        facilities: async () => world.facilities,
      } as unknown as StorageDriver,
      send: () => Promise.reject(new Error("unused")),
      ...{ serve: servesNothing.serve, awaitReady: servesNothing.awaitReady },
      identity,
      now: () => instant(new Date(time.nowMs() + clockOffMs).toISOString()),
      ...options.context,
    },
    ...(options.state !== undefined && { state: options.state }),
    refused: options.refused ?? { list: () => [], told: () => undefined },
    time,
    log,
  });
  const aboutTasks = () => reports.filter((report) => report.kind !== "alive" && report.kind !== "inventory");
  const firstTry = (): Try => {
    const [first] = tries;
    assert.ok(first, "no task was begun");
    return first;
  };
  /** Stops the agent while time passes. */
  const stop = async () => {
    const stopped = agent.stop();
    await time.advance(20_000);
    await stopped;
  };
  return {
    agent,
    time,
    /** Sets the clock so far from the time that passes. */
    setClock: (offMs: number) => {
      clockOffMs = offMs;
    },
    log,
    queue,
    other,
    settings,
    applied,
    revoked,
    reports,
    aboutTasks,
    tries,
    firstTry,
    world,
    stop,
  };
};
