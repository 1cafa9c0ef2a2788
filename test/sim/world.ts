import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayId, GroupId, Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { messageText } from "../../core/api/message.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import {
  isRunTask,
  type PublishTask,
  type ReclaimTask,
  type RunTask,
  type Task,
  type TaskResult,
  type TransferTask,
  taskSchema,
} from "../../core/api/task.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { DocumentStore } from "../../core/ports/store.ts";
import { createDynamodbStore } from "../../functions/aws/dynamodb-store.ts";
import { reportQueueDefinition, taskQueueDefinition } from "../../functions/aws/queues.ts";
import { usualTries } from "../../functions/aws/tries.ts";
import { siteKey } from "../../functions/documents/records.ts";
import { createPlan } from "../../functions/engine/commands.ts";
import type { Deps } from "../../functions/ports/deps.ts";
import { handleReport } from "../../functions/report.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { type ResultPart, resultParts } from "../../gateway/tasks/result-parts.ts";
import { Chance } from "./chance.ts";
import { createModelClient, type Passage } from "./model-client.ts";
import { type ModelGroup, ModelSite } from "./model-site.ts";
import { ModelTable, type TableFaults } from "./model-table.ts";

/** How often things go wrong. */
export interface Faults extends TableFaults {
  /**
   * A function dies before or after a request to DynamoDB, a message to a queue, or a call to the
   * scheduler.
   */
  readonly death: number;
  /**
   * A message is delivered again later; it is lost; a poll that died took it, and it comes back
   * when its time is up.
   */
  readonly again: number;
  readonly lost: number;
  readonly swallowed: number;
  /**
   * A queue takes some of the messages of a call and refuses the others; the
   * scheduler refuses a call.
   */
  readonly refused: number;
  /** A task fails and may be tried again; a gateway dies in the middle of one. */
  readonly failure: number;
  readonly crash: number;
}

export const noFaults: Faults = {
  ...{ throttled: 0, answerLost: 0, raced: 0, indexLags: 0 },
  ...{ death: 0, again: 0, lost: 0, swallowed: 0, refused: 0, failure: 0, crash: 0 },
};

interface Message<T> {
  readonly body: T;
  readonly visibleAt: Instant;
  readonly receives: number;
}

class Died extends Error {}

/** One call of a function, from its start to its end or death. */
interface Invocation {
  isDead: boolean;
}

const quiet = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };

/** What a function may fail with while the services around it fail; anything else is a defect. */
const fromOutside = /^(?:Throttling|ProvisionedThroughputExceeded|TransactionCanceled|TimeoutError|CommitConflict)/;
const isFromOutside = (error: unknown): boolean =>
  VisibleError.is(error) ||
  (error instanceof Error && (fromOutside.test(error.name) || error.message.startsWith("DynamoDB left")));

/**
 * The control plane with its real code, and its store with the real adapter and the SDK's retries,
 * over a model of DynamoDB; queues and sites are models, too. Time is a number here.
 */
export class World {
  readonly table: ModelTable;
  readonly store: DocumentStore;
  readonly sites = new Map<SiteId, ModelSite>();
  readonly tasks: Message<Task>[] = [];
  readonly reports: Message<Report>[] = [];
  readonly chance: Chance;
  /** What each snapshot group held at the instant it was taken, by id and instant, for I1. */
  readonly truth = new Map<string, Pick<ModelGroup, "contents" | "objects">>();
  /** Targets whose link is down for good. */
  readonly unreachable = new Set<SiteId>();
  /**
   * How often functions died, by the request that was their last one, and whether it took effect.
   */
  readonly deaths = new Map<string, number>();
  /**
   * Functions that failed for other reasons, reports that went to the dead-letter queue, and the
   * largest message.
   */
  readonly counts = { failed: 0, deadLetters: 0, messageBytesMax: 0 };
  faults: Faults;
  now: Instant;
  /** Hears of every deletion that a site is told to do, before it does it, and afterwards. */
  onReclaim: (task: ReclaimTask) => void = () => undefined;
  onReclaimed: (task: ReclaimTask, deleted: readonly GroupId[]) => void = () => undefined;
  readonly #invocations = new AsyncLocalStorage<Invocation>();
  readonly #passage: Passage;
  /** Of a group that was brought to a site for a restore, the one that it is a copy of. */
  readonly #broughtFrom = new Map<GroupId, GroupId>();
  #plans = 0;

  constructor(options: {
    readonly seed: number;
    readonly sites: readonly string[];
    readonly keepLast: number;
    readonly now: Instant;
    readonly faults: Faults;
    /** How long requests and waits take, where that is looked at; otherwise no time passes. */
    readonly passage?: Passage;
    readonly sleep?: (milliseconds: number) => Promise<void>;
  }) {
    this.#passage = options.passage ?? (async (request) => request());
    this.chance = new Chance(options.seed);
    this.now = options.now;
    this.faults = options.faults;
    for (const id of options.sites as SiteId[]) this.sites.set(id, new ModelSite(id, options.keepLast));
    this.table = new ModelTable({
      faults: () => this.faults,
      happens: (probability) => this.chance.happens(probability),
    });
    const client = createModelClient(this.table, (request, command, input) =>
      this.#mortal(command, () => this.#passage(request, command, input)),
    );
    const tries = {
      ...usualTries,
      time: { sleep: options.sleep ?? (async () => undefined) },
      fraction: () => this.chance.fraction(),
    };
    this.store = createDynamodbStore({ client, tableName: "sim", tries });
  }

  site(id: string): ModelSite {
    const site = this.sites.get(id as SiteId);
    assert(site, `the world has no site ${id}`);
    return site;
  }

  /**
   * Calls a function of the control plane; it may die at any call it makes. @returns undefined when
   * it died or failed
   */
  async call<T>(run: (deps: Deps) => Promise<T>): Promise<T | undefined> {
    const invocation: Invocation = { isDead: false };
    try {
      const result = await this.#invocations.run(invocation, () => run(this.#deps));
      // Whoever died returns nothing, also where it would have lived on with the failure.
      return invocation.isDead ? undefined : result;
    } catch (error) {
      if (!invocation.isDead && !isFromOutside(error)) throw error;
      if (!invocation.isDead) this.counts.failed += 1;
      return undefined;
    }
  }

  /**
   * The next functions die at the request with this number, counted from now; never, unless given.
   */
  dieAtRequest = Number.POSITIVE_INFINITY;

  /** A request that may be the last one of its function, before or after it took effect. */
  async #mortal<T>(what: string, request: () => Promise<T>): Promise<T> {
    const invocation = this.#invocations.getStore();
    this.#mayDie(invocation, `${what}, before`);
    const result = await request();
    this.#mayDie(invocation, `${what}, after`);
    return result;
  }

  #mayDie(invocation: Invocation | undefined, where: string): void {
    if (invocation === undefined) return;
    this.dieAtRequest -= 1;
    if (!invocation.isDead && (this.dieAtRequest === 0 || this.chance.happens(this.faults.death))) {
      invocation.isDead = true;
      this.deaths.set(where, (this.deaths.get(where) ?? 0) + 1);
    }
    if (invocation.isDead) throw new Died();
  }

  async #send(sent: Parameters<Deps["tasks"]["send"]>[1]): Promise<void> {
    for (const { task, delaySeconds = 0 } of sent) {
      const body = taskSchema.parse(JSON.parse(this.#message(task)));
      const send = () => {
        this.#refuse();
        this.tasks.push({ body, visibleAt: addSeconds(this.now, delaySeconds), receives: 0 });
        return {};
      };
      await this.#mortal("SendMessage", () => this.#passage(send, "SendMessage", {}));
    }
  }

  #message(body: object): string {
    const text = messageText(body);
    this.counts.messageBytesMax = Math.max(this.counts.messageBytesMax, text.length);
    return text;
  }

  #refuse(): void {
    if (this.chance.happens(this.faults.refused)) throw new VisibleError("INTERNAL", "The service did not take it.");
  }

  readonly #schedule = (): Promise<void> => this.#mortal("the scheduler", async () => this.#refuse());

  get #deps(): Deps {
    return {
      store: this.store,
      tasks: { ensure: async () => undefined, send: (_, sent) => this.#send(sent) },
      scheduler: { put: this.#schedule, remove: this.#schedule },
      clock: { now: () => this.now },
      ids: { planId: () => this.#planId(), fraction: () => this.chance.fraction() },
      log: quiet,
    };
  }

  #planId(): PlanId {
    this.#plans += 1;
    return `plan_01JD00000000000000000000${this.#plans.toString().padStart(2, "0")}` as PlanId;
  }

  /** Reports count from gateways of sites that there are. */
  #siteOf(id: SiteId) {
    return { key: siteKey(id), body: { id, multiCluster: "m", createdAt: this.now } };
  }

  async addPlan(make: (id: PlanId) => WholePlan): Promise<PlanId> {
    const plan = make(this.#planId());
    await this.store.putAll([...this.sites.keys()].map((id) => this.#siteOf(id)));
    await createPlan(this.#deps, plan);
    return plan.id;
  }

  /** Time goes on. */
  pass(seconds: number): void {
    this.now = addSeconds(this.now, seconds);
  }

  /** Time goes on to when the sweep or a gateway has something to do, a second at least. */
  passToNext(): void {
    const instants = [...this.tasks, ...this.reports].map(({ visibleAt }): string => visibleAt);
    const next = [...instants, this.table.nextDue() ?? this.now].sort()[0] as Instant;
    this.now = next > addSeconds(this.now, 1) ? next : addSeconds(this.now, 1);
  }

  /** The queue emulator ends and is started again: it has forgotten all messages. */
  restartQueues(): void {
    this.tasks.length = 0;
    this.reports.length = 0;
  }

  /** Somebody writes to the protected volumes. */
  writeSomewhere(): void {
    const [source] = this.sites.values();
    for (const id of source?.volumes.keys() ?? []) {
      if (this.chance.happens(0.5)) source?.volumes.set(id, this.chance.below(1_000_000));
    }
  }

  async sweep(): Promise<void> {
    await this.call(handleSweep);
  }

  /** Delivers one report, any of them. @returns whether there was one */
  async deliverReport(): Promise<boolean> {
    const { visibilityTimeoutSeconds, maxReceiveCount } = reportQueueDefinition;
    const report = this.#take(this.reports, visibilityTimeoutSeconds);
    if (report === undefined) return false;
    const handled = await this.call(async (deps) => {
      await handleReport(deps, report.body);
      return true;
    });
    if (handled) return true;
    // Who died or failed did not acknowledge: the queue delivers the message again, so many times.
    const receives = report.receives + 1;
    if (receives >= maxReceiveCount) this.counts.deadLetters += 1;
    else this.reports.push({ ...report, receives, visibleAt: addSeconds(this.now, visibilityTimeoutSeconds) });
    return true;
  }

  /** A gateway takes one task and works on it. @returns whether there was one */
  deliverTask(): boolean {
    const message = this.#take(this.tasks, taskQueueDefinition.visibilityTimeoutSeconds);
    if (message === undefined) return false;
    const task = message.body;
    if (!isRunTask(task)) return true;
    if (this.chance.happens(this.faults.crash / 2)) {
      this.tasks.push({ ...message, visibleAt: addSeconds(this.now, 15) });
      return true;
    }
    const { id: taskId, runId, target, step, index, attempt, sequence, siteId } = task;
    const gatewayId = `${siteId}1` as GatewayId;
    const about = { taskId, runId, target, step, index, attempt, sequence, siteId, gatewayId };
    // What is done soon is only reported as done.
    if (this.chance.happens(this.faults.again)) this.#report({ kind: "working", ...about });
    try {
      if (this.chance.happens(this.faults.failure)) throw new VisibleError("LINK_BROKEN", "The link broke.");
      if (this.chance.happens(this.faults.failure / 20)) throw new VisibleError("STORE_CORRUPT", "A disk lied.");
      const result = this.work(task);
      if (this.chance.happens(this.faults.crash)) this.tasks.push({ ...message, visibleAt: addSeconds(this.now, 15) });
      else for (const part of this.#parts(result)) this.#report({ kind: "completed", ...about, ...part });
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      if (error.code === "FENCED") return true;
      const { code, message, retryable, newestSequence } = error;
      const told = newestSequence === undefined ? {} : { newestSequence };
      this.#report({ kind: "failed", ...about, reason: { code, message }, retryable, progressed: false, ...told });
    }
    return true;
  }

  work(task: RunTask): TaskResult {
    const here = this.site(task.siteId);
    switch (task.kind) {
      case "snapshot": {
        const result = here.snapshot(task, this.now);
        const name = `${task.groupId} at ${result.takenAt}`;
        const group = here.groups.get(task.groupId);
        if (!this.truth.has(name) && group !== undefined) this.truth.set(name, group);
        return result;
      }
      case "prepare":
        return here.prepare(task);
      case "transfer":
        return this.#transfer(task);
      case "publish":
        return this.#publish(task);
      case "reclaim": {
        this.onReclaim(task);
        const result = here.reclaim(task);
        this.onReclaimed(task, result.deleted);
        return result;
      }
      case "rebuild":
        return here.rebuild(task);
      case "check":
      case "rollback":
      case "undo-rollback":
        return assert.fail("these histories roll nothing back");
      case "order":
        return assert.fail("nothing fails over in these histories");
      case "attach":
        throw new Error("nothing is attached in these histories");
      case "abort":
        here.abort(task.groupId);
        return { kind: "abort" };
      case "unstage":
        here.unstage(task.planId);
        return { kind: "unstage" };
    }
  }

  /** I1: what is brought for a restore is what the source's snapshot was. */
  #publish(task: PublishTask): TaskResult {
    const site = this.site(task.siteId).of(task.planId);
    const result = site.publish(task, this.now);
    const { takenAt, contents = new Map() } = site.groups.get(task.groupId) ?? {};
    const truth = this.truth.get(`${this.#broughtFrom.get(task.groupId)} at ${takenAt}`);
    if (!this.#broughtFrom.has(task.groupId)) return result;
    for (const [volume, content] of contents)
      assert.equal(content, truth?.contents.get(volume), "I1: it is not what it was");
    return result;
  }

  #transfer(task: TransferTask): TaskResult {
    const { siteId: sender, receiver = task.target } = task;
    if (this.unreachable.has(receiver)) throw new VisibleError("LINK_BROKEN", "The link is down.");
    const [here, there] = [this.site(task.siteId), this.site(receiver)];
    const { groupId, sequence, baseGroupId } = task;
    for (const volume of task.volumes) {
      const { mirrorVolumeId } = volume;
      const isStaged = "from" in volume;
      const content = isStaged ? here.readIn(volume.from.groupId, volume.sourceVolumeId) : here.read(volume.snapshotId);
      if (isStaged) this.#broughtFrom.set(groupId, volume.from.groupId);
      if (content === undefined) throw new VisibleError("SNAPSHOT_UNKNOWN", "The snapshot is gone.");
      const mirrors = there.of(task.planId);
      const epoch = mirrors.open({ mirrorVolumeId, groupId, sequence, sender, baseGroupId });
      const base = isStaged
        ? baseGroupId && here.readIn(baseGroupId, volume.sourceVolumeId)
        : volume.baseSnapshotId && here.read(volume.baseSnapshotId);
      mirrors.write(mirrorVolumeId, epoch, base === content ? undefined : content);
    }
    const none = { extentsTotal: 0, extentsDone: 0, extentsUnchanged: 0, extentsHole: 0 };
    const bytes = { bytesTotal: 0, bytesRead: 0, bytesChanged: 0, bytesSent: 0 };
    return { kind: "transfer", progress: { phase: "done", ...none, ...bytes } };
  }

  /** A snapshot is told in parts; where things go wrong, also in parts of one object. */
  #parts(result: TaskResult): readonly ResultPart[] {
    if (result.kind !== "snapshot" || !this.chance.happens(this.faults.again)) return resultParts(result);
    const { objects, gone, warnings, ...head } = result;
    const extras = { ...(gone && { gone }), ...(warnings && { warnings }) };
    let fromVolume = 0;
    return objects.map((object, number) => {
      const part = { ...head, from: number, fromVolume, objects: [object], ...(number === 0 && extras) };
      fromVolume += object.config.volumes.length - (object.repeated?.length ?? 0);
      return { result: part, part: { number, of: objects.length } };
    });
  }

  #report(report: Report): void {
    this.#message(report);
    this.reports.push({ body: reportSchema.parse(report), visibleAt: this.now, receives: 0 });
  }

  /**
   * Any visible message; it may stay in the queue to come again, be lost, or be out
   * of sight for a while.
   */
  #take<T>(queue: Message<T>[], visibilitySeconds: number): Message<T> | undefined {
    const visible = queue.filter((message) => message.visibleAt <= this.now);
    const message = visible[this.chance.below(visible.length)];
    if (message === undefined) return undefined;
    queue.splice(queue.indexOf(message), 1);
    if (this.chance.happens(this.faults.again)) {
      queue.push({ ...message, visibleAt: addSeconds(this.now, this.chance.below(600)) });
    }
    if (this.chance.happens(this.faults.swallowed)) {
      queue.push({ ...message, visibleAt: addSeconds(this.now, visibilitySeconds) });
      return this.#take(queue, visibilitySeconds);
    }
    return this.chance.happens(this.faults.lost) ? this.#take(queue, visibilitySeconds) : message;
  }
}
