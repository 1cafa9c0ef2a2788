import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import { gatewayIdSchema, type RunId, type SiteId } from "../../../core/api/ids.ts";
import type { Run } from "../../../core/api/run.ts";
import { isRunTask, type RunTask } from "../../../core/api/task.ts";
import { partsOf, statusOf } from "../../../core/run/steps.ts";
import type { TestApi } from "../../../functions/api/testing.ts";
import type { Deps } from "../../../functions/ports/deps.ts";
import { handleReport } from "../../../functions/report.ts";
import { loadRun } from "../../../functions/runs/runs.ts";
import { handleSweep } from "../../../functions/sweep.ts";
import { resultParts } from "../../../gateway/tasks/result-parts.ts";
import { type CutCluster, doTask } from "./cluster.ts";
import { Cut, cutAround, Died } from "./cut.ts";

const gatewayId = gatewayIdSchema.parse("gw-1");
const roundsMax = 1000;

/** What is in the queues is delivered until somebody has done it. */
type Message = { readonly task: RunTask } | { readonly report: object };

/** Real clusters under the real control plane, whose store is in memory. */
export class CutWorld {
  readonly sites: ReadonlyMap<SiteId, CutCluster>;
  readonly api: TestApi;
  readonly #messages: Message[] = [];
  /** Tasks over which somebody has died. */
  readonly #dropped: RunTask[] = [];
  cut = Cut.never();
  /** Nobody takes anything from the queues of these. */
  readonly asleep = new Set<SiteId>();
  /** Of the control plane; another one has nothing in mind that was not written down. */
  #life = { isDead: false };
  #deps: Deps;
  #doing = "";

  constructor(api: TestApi, sites: ReadonlyMap<SiteId, CutCluster>) {
    this.api = api;
    this.#deps = this.#newDeps();
    this.sites = sites;
  }

  async remove(): Promise<void> {
    await Promise.all([...this.sites.values()].map((site) => site.remove()));
  }

  at(siteId: SiteId): CutCluster {
    return this.sites.get(siteId) ?? assert.fail(`there is no site ${siteId}`);
  }

  /** May die at each of its commits and messages. */
  #newDeps(): Deps {
    const { deps } = this.api;
    const life = { isDead: false };
    const come = (place: string) => this.cut.come(life, "control plane", `${this.#doing}: ${place}`);
    this.#life = life;
    return {
      ...deps,
      store: cutAround(deps.store, { come, names: ["commit", "putAll", "deleteAll"] }),
      tasks: cutAround(deps.tasks, { come, names: ["send"] }),
    };
  }

  /** Calls the control plane. @throws Died, and what it throws */
  async call<T>(doing: string, call: (deps: Deps) => Promise<T>): Promise<T> {
    this.#doing = doing;
    try {
      const result = await call(this.#deps);
      // What has swallowed its own death has done nothing more, either.
      if (this.#life.isDead) throw new Died();
      return result;
    } finally {
      if (this.#life.isDead) this.#deps = this.#newDeps();
    }
  }

  /** @returns undefined: the control plane died over it, and its caller was told nothing */
  async tell<T>(doing: string, call: (deps: Deps) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.call(doing, call);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      await this.onDeath();
      return undefined;
    }
  }

  async run(id: RunId): Promise<Run> {
    return (await loadRun(this.api.deps, id))?.run ?? assert.fail(`there is no run ${id}`);
  }

  /** Delivers messages until one of them is a task of this kind, and takes that. */
  async until(kind: RunTask["kind"]): Promise<RunTask> {
    for (let round = 0; round < roundsMax; round += 1) {
      this.#collect();
      const message = this.#messages.shift();
      assert(message !== undefined, `nobody was told to ${kind}`);
      if ("task" in message && message.task.kind === kind) return message.task;
      await this.#deliver(message);
    }
    return assert.fail(`nobody was ever told to ${kind}`);
  }

  /** A task that somebody has begun and dropped comes back to its queue. */
  comesBack(task: RunTask): void {
    this.#messages.push({ task });
  }

  /** Copies of what somebody has died over are delivered when all is over. */
  async dropsComeBack(): Promise<void> {
    for (const task of this.#dropped) this.comesBack(task);
    await this.settle(undefined);
  }

  /** A run is over, and all that follows from its end is done. */
  settle(runId: RunId | undefined): Promise<void> {
    return this.settleWhen(async () => runId === undefined || isSettled(await this.run(runId)));
  }

  /** All that is to be done is done, and what nobody does is found by the sweep; or it `turns`. */
  async settleWhen(isOver: () => Promise<boolean>, turns = () => false): Promise<void> {
    let quiet = 0;
    for (let round = 0; round < roundsMax && !turns(); round += 1) {
      this.#collect();
      const message = this.#messages.shift();
      if (message !== undefined) {
        await this.#deliver(message);
        quiet = 0;
        continue;
      }
      if (quiet > 1 && (await isOver())) return;
      quiet += 1;
      await this.passMinute();
    }
    assert(turns(), "it never comes to an end");
  }

  async passMinute(): Promise<void> {
    this.api.pass(60);
    await this.tell("sweep", handleSweep);
  }

  #collect(): void {
    for (const siteId of this.sites.keys()) {
      if (this.asleep.has(siteId)) continue;
      const sent = this.api.deps.tasks.takeAll(siteId);
      for (const { task } of sent) if (isRunTask(task)) this.#messages.push({ task });
    }
  }

  /** Who dies over a message has not acknowledged it. */
  async #deliver(message: Message): Promise<void> {
    try {
      if ("task" in message) await this.work(message.task);
      else await this.call("report", (deps) => handleReport(deps, message.report));
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      this.#messages.push(message);
      await this.onDeath();
      if (!("task" in message)) return;
      this.#dropped.push(message.task);
      await this.takeOver();
    }
  }

  /** Other gateways come in the place of those that died. */
  async takeOver(): Promise<void> {
    await Promise.all([...this.sites.values()].map((site) => site.takeOver()));
  }

  /** Looks at what the dead have left. */
  onDeath: () => Promise<void> = async () => undefined;

  async work(task: RunTask): Promise<void> {
    const here = this.at(task.siteId);
    const to = task.kind === "transfer" ? this.at(task.receiver ?? task.target) : here;
    const { id: taskId, runId, target, step, index, attempt, sequence, siteId } = task;
    const about = { taskId, runId, target, step, index, attempt, sequence, siteId, gatewayId };
    try {
      for (const part of resultParts(await doTask(task, { here, to, cut: this.cut }))) {
        this.#messages.push({ report: { kind: "completed", ...about, ...part } });
      }
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      const { code, message, retryable } = error;
      const failed = { kind: "failed", reason: { code, message }, retryable, progressed: false };
      this.#messages.push({ report: { ...failed, ...about } });
    }
  }
}

export const isSettled = (run: Run): boolean =>
  !["queued", "running"].includes(statusOf(run)) && partsOf(run).every(([, part]) => !part.unsettled);
