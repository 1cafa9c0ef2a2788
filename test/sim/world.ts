import assert from "node:assert/strict";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayId, Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { type RunTask, type Task, type TaskResult, type TransferTask, taskSchema } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { DocumentStore } from "../../core/ports/store.ts";
import type { Deps } from "../../functions/deps.ts";
import { createPlan } from "../../functions/engine/commands.ts";
import { createMemoryStore } from "../../functions/memory/store.ts";
import { handleReport } from "../../functions/report.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { Chance } from "./chance.ts";
import { ModelSite } from "./model-site.ts";

/** How often things go wrong. */
export interface Faults {
  /** A function dies before or after a call to the store, the queue or the scheduler. */
  readonly death: number;
  /** A message is delivered again later; a message is lost. */
  readonly again: number;
  readonly lost: number;
  /** A task fails and may be tried again; a gateway dies in the middle of one. */
  readonly failure: number;
  readonly crash: number;
}

export const noFaults: Faults = { death: 0, again: 0, lost: 0, failure: 0, crash: 0 };

interface Message<T> {
  readonly body: T;
  readonly visibleAt: Instant;
}

class Died extends Error {}

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The control plane with its real code, over a store in memory, and sites that are models. Time is a number here. */
export class World {
  readonly store: DocumentStore = createMemoryStore();
  readonly sites = new Map<SiteId, ModelSite>();
  readonly tasks: Message<Task>[] = [];
  readonly reports: Message<Report>[] = [];
  readonly chance: Chance;
  /** What each snapshot group held at the instant it was taken, for I1. */
  readonly truth = new Map<string, ReadonlyMap<string, number>>();
  /** Targets whose link is down for good. */
  readonly unreachable = new Set<SiteId>();
  faults: Faults;
  now: Instant;
  #plans = 0;

  constructor(options: { seed: number; sites: readonly string[]; now: Instant; faults: Faults }) {
    this.chance = new Chance(options.seed);
    this.now = options.now;
    this.faults = options.faults;
    for (const id of options.sites as SiteId[]) this.sites.set(id, new ModelSite(id));
  }

  site(id: string): ModelSite {
    const site = this.sites.get(id as SiteId);
    assert(site, `the world has no site ${id}`);
    return site;
  }

  /** Calls a function of the control plane; it may die at any call it makes. @returns undefined when it died */
  async call<T>(run: (deps: Deps) => Promise<T>): Promise<T | undefined> {
    const deps = this.#mortalDeps();
    try {
      return await run(deps.deps);
    } catch (error) {
      if (deps.isDead() || VisibleError.is(error)) return undefined;
      throw error;
    }
  }

  #mortalDeps(): { deps: Deps; isDead: () => boolean } {
    let dead = false;
    const mortal = async <T>(call: () => Promise<T>): Promise<T> => {
      if (dead || this.chance.happens(this.faults.death)) {
        dead = true;
        throw new Died();
      }
      const result = await call();
      if (this.chance.happens(this.faults.death)) {
        dead = true;
        throw new Died();
      }
      return result;
    };
    const { store } = this;
    const deps: Deps = {
      store: {
        get: (key) => mortal(() => store.get(key)),
        query: (options) => mortal(() => store.query(options)),
        due: (options) => mortal(() => store.due(options)),
        commit: (changes) => mortal(() => store.commit(changes)),
        putAll: (documents) => mortal(() => store.putAll(documents)),
      },
      tasks: {
        ensure: async () => undefined,
        send: (_, sent) =>
          mortal(async () => {
            for (const { task, delaySeconds = 0 } of sent) {
              const body = taskSchema.parse(JSON.parse(JSON.stringify(task)));
              this.tasks.push({ body, visibleAt: addSeconds(this.now, delaySeconds) });
            }
          }),
      },
      scheduler: { put: () => mortal(async () => undefined), remove: () => mortal(async () => undefined) },
      clock: { now: () => this.now },
      ids: {
        planId: () => {
          this.#plans += 1;
          return `plan_01JD00000000000000000000${this.#plans.toString().padStart(2, "0")}` as PlanId;
        },
        fraction: () => this.chance.fraction(),
      },
      log: quiet,
    };
    return { deps, isDead: () => dead };
  }

  async addPlan(make: (id: PlanId) => Plan): Promise<PlanId> {
    const { deps } = this.#mortalDeps();
    const plan = make(deps.ids.planId());
    await createPlan(deps, plan);
    return plan.id;
  }

  /** Time goes on. */
  pass(seconds: number): void {
    this.now = addSeconds(this.now, seconds);
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
    const report = this.#take(this.reports);
    if (report === undefined) return false;
    let handled = false;
    await this.call(async (deps) => {
      await handleReport(deps, report.body);
      handled = true;
    });
    // A function that died did not acknowledge: the queue delivers the message again.
    if (!handled) this.reports.push({ ...report, visibleAt: addSeconds(this.now, 60) });
    return true;
  }

  /** A gateway takes one task and works on it. @returns whether there was one */
  deliverTask(): boolean {
    const message = this.#take(this.tasks);
    if (message === undefined) return false;
    const task = message.body;
    if (task.kind === "inventory" || task.kind === "settings") return true;
    if (this.chance.happens(this.faults.crash / 2)) {
      this.tasks.push({ ...message, visibleAt: addSeconds(this.now, 15) });
      return true;
    }
    const { id: taskId, runId, target, step, index, attempt, siteId } = task;
    const about = { taskId, runId, target, step, index, attempt, siteId, gatewayId: `${siteId}1` as GatewayId };
    this.#report({ kind: "working", ...about });
    try {
      if (this.chance.happens(this.faults.failure)) throw new VisibleError("LINK_BROKEN", "The link broke.");
      if (this.chance.happens(this.faults.failure / 20)) throw new VisibleError("STORE_CORRUPT", "A disk lied.");
      const result = this.#work(task);
      if (this.chance.happens(this.faults.crash)) this.tasks.push({ ...message, visibleAt: addSeconds(this.now, 15) });
      else this.#report({ kind: "completed", ...about, result });
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      if (error.code === "FENCED") return true;
      const reason = { code: error.code, message: error.message };
      this.#report({ kind: "failed", ...about, reason, retryable: error.retryable, progressed: false });
    }
    return true;
  }

  #work(task: RunTask): TaskResult {
    const here = this.site(task.siteId);
    switch (task.kind) {
      case "snapshot": {
        const result = here.snapshot(task, this.now);
        if (!this.truth.has(task.groupId))
          this.truth.set(task.groupId, here.groups.get(task.groupId)?.contents ?? new Map());
        return result;
      }
      case "prepare":
        return here.prepare(task);
      case "transfer":
        return this.#transfer(task);
      case "publish":
        return here.publish(task, this.now);
      case "reclaim":
        return here.reclaim(task);
      case "rebuild":
        return here.rebuild(task);
      case "abort":
        here.abort(task.groupId);
        return { kind: "abort" };
    }
  }

  #transfer(task: TransferTask): TaskResult {
    if (this.unreachable.has(task.target)) throw new VisibleError("LINK_BROKEN", "The link is down.");
    const there = this.site(task.target);
    for (const { snapshotId, mirrorVolumeId } of task.volumes) {
      const { groupId, sequence, baseGroupId } = task;
      const epoch = there.open({ mirrorVolumeId, groupId, sequence, baseGroupId });
      const volumeId = snapshotId.slice(snapshotId.indexOf("/") + 1);
      const content = this.site(task.siteId).groups.get(groupId)?.contents.get(volumeId);
      if (content === undefined) throw new VisibleError("SNAPSHOT_UNKNOWN", "The snapshot is gone.");
      there.write(mirrorVolumeId, epoch, content);
    }
    const none = { extentsTotal: 0, extentsDone: 0, extentsUnchanged: 0, extentsHole: 0 };
    const bytes = { bytesTotal: 0, bytesRead: 0, bytesChanged: 0, bytesSent: 0 };
    return { kind: "transfer", progress: { phase: "done", ...none, ...bytes } };
  }

  #report(report: Report): void {
    this.reports.push({ body: reportSchema.parse(report), visibleAt: this.now });
  }

  /** Any visible message; it may stay in the queue to come again, and it may be lost. */
  #take<T>(queue: Message<T>[]): Message<T> | undefined {
    const visible = queue.filter((message) => message.visibleAt <= this.now);
    const message = visible[this.chance.below(visible.length)];
    if (message === undefined) return undefined;
    queue.splice(queue.indexOf(message), 1);
    if (this.chance.happens(this.faults.again)) {
      queue.push({ ...message, visibleAt: addSeconds(this.now, this.chance.below(600)) });
    }
    return this.chance.happens(this.faults.lost) ? this.#take(queue) : message;
  }
}
