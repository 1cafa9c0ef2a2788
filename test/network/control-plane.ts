import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { ulid } from "ulid";
import { multiCluster } from "../../bench/ours/tasks.ts";
import { type Instant, instantSchema, type PlanId, planIdSchema, type RunId, type SiteId } from "../../core/api/ids.ts";
import type { Run, TargetRun } from "../../core/api/run.ts";
import type { Site } from "../../core/api/site.ts";
import { isRunTask, type RunTask, type Task } from "../../core/api/task.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import type { RetryPolicy } from "../../core/run/retry-policy.ts";
import { hasEnded } from "../../core/run/steps.ts";
import { siteKey } from "../../functions/documents/records.ts";
import { createPlan, runPlanNow } from "../../functions/engine/commands.ts";
import { createMemoryStore } from "../../functions/memory/store.ts";
import type { Deps } from "../../functions/ports/deps.ts";
import { handleReport } from "../../functions/report.ts";
import { loadRun } from "../../functions/runs/runs.ts";
import { handleSweep } from "../../functions/sweep.ts";
import type { Node } from "./sites.ts";

const beatMs = 5_000;

/** A try of a task as it was done. */
export interface Try {
  readonly task: RunTask;
  readonly seconds: number;
  readonly failed: boolean;
}

/**
 * The control plane with its real code, over a store in memory. It reaches the nodes over their
 * processes' channels, whatever happens to the network, and each site has one node, which does its
 * tasks when they come.
 */
export class LabControlPlane {
  /** All that were done, in the order of their ends. */
  readonly tries: Try[] = [];
  readonly #deps: Deps;
  readonly #nodes = new Map<SiteId, Node>();
  readonly #stopping = new AbortController();
  readonly #working = new Set<Promise<void>>();
  #reported = Promise.withResolvers<void>();
  #defect: unknown;

  constructor(retryPolicy: RetryPolicy) {
    const quiet = {
      info: () => undefined,
      warn: () => undefined,
      failed: () => undefined,
      error: (fields: object) => this.#fail(fields),
    };
    this.#deps = {
      store: createMemoryStore(),
      tasks: {
        ensure: async () => undefined,
        send: async (siteId, sent) => {
          for (const { task, delaySeconds = 0 } of sent) this.#track(this.#do(siteId, task, delaySeconds));
        },
      },
      scheduler: { put: async () => undefined, remove: async () => undefined },
      clock: { now },
      ids: { planId: () => planIdSchema.parse(`plan_${ulid()}`), fraction: Math.random },
      log: quiet,
      retryPolicy,
    };
  }

  async addSite(siteId: SiteId, node: Node): Promise<void> {
    this.#nodes.set(siteId, node);
    const body: Site = { id: siteId, multiCluster, createdAt: now() };
    await this.#deps.store.commit([{ type: "put", key: siteKey(siteId), body, expect: "absent" }]);
    await this.#beat(node);
    this.#track(this.#beatOn(node));
  }

  async addPlan(make: (id: PlanId, now: Instant) => WholePlan): Promise<PlanId> {
    const plan = make(this.#deps.ids.planId(), now());
    await createPlan(this.#deps, plan);
    return plan.id;
  }

  async run(planId: PlanId): Promise<RunId> {
    return (await runPlanNow(this.#deps, planId)).id;
  }

  /** The run, when that of the target has ended. @throws Error when it has not within `withinMs` */
  async ended(
    runId: RunId,
    target: SiteId,
    withinMs: number,
  ): Promise<{ readonly run: Run; readonly part: TargetRun }> {
    const waiting = new AbortController();
    const late = sleep(withinMs, undefined, { signal: waiting.signal }).then(() => {
      throw new Error(`the part of ${target} goes on after ${withinMs} ms`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([this.#ended(runId, target), late]);
    } finally {
      waiting.abort();
    }
  }

  async #ended(runId: RunId, target: SiteId): Promise<{ readonly run: Run; readonly part: TargetRun }> {
    for (;;) {
      const reported = this.#reported.promise;
      if (this.#defect !== undefined) throw this.#defect;
      const run = (await loadRun(this.#deps, runId))?.run;
      const part = run?.targets[target];
      assert(run !== undefined && part !== undefined);
      if (hasEnded(part)) return { run, part };
      await reported;
    }
  }

  /** Lets go of everything. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#working);
  }

  async #do(siteId: SiteId, task: Task, delaySeconds: number): Promise<void> {
    if (!isRunTask(task)) return;
    const node = this.#nodes.get(siteId);
    assert(node !== undefined, `nobody does the tasks of site ${siteId}`);
    await this.#wait(delaySeconds * 1000);
    const begunMs = performance.now();
    const reports = await node.gateway.call("work", task);
    const failed = reports.some(({ kind }) => kind === "failed");
    this.tries.push({ task, failed, seconds: (performance.now() - begunMs) / 1000 });
    for (const report of reports) await handleReport(this.#deps, report);
    this.#wake();
  }

  async #beatOn(node: Node): Promise<void> {
    for (;;) {
      await this.#wait(beatMs);
      await this.#beat(node);
      await handleSweep(this.#deps);
      this.#wake();
    }
  }

  async #beat(node: Node): Promise<void> {
    await handleReport(this.#deps, { kind: "alive", gateway: await node.gateway.call("identity", null) });
  }

  /** Rejects at the stop. */
  #wait(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#stopping.signal });
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#fail(error);
      })
      .finally(() => this.#working.delete(tracked));
    this.#working.add(tracked);
  }

  /** What can only be a defect ends whatever waits for the control plane. */
  #fail(error: unknown): void {
    this.#defect ??= error;
    this.#wake();
  }

  #wake(): void {
    const { resolve } = this.#reported;
    this.#reported = Promise.withResolvers<void>();
    resolve();
  }
}

const now = (): Instant => instantSchema.parse(new Date().toISOString());
