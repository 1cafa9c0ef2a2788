import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Group } from "../../../core/api/group.ts";
import { type GroupId, gatewayIdSchema, planIdSchema, type RunId, stagedIdsOf } from "../../../core/api/ids.ts";
import { scheduleSchema } from "../../../core/api/plan.ts";
import type { Run } from "../../../core/api/run.ts";
import { isRunTask, type RunTask } from "../../../core/api/task.ts";
import { partsOf, statusOf } from "../../../core/run/steps.ts";
import { createTestApi, siteA, siteB, type TestApi } from "../../../functions/api/testing.ts";
import { siteKey } from "../../../functions/documents/records.ts";
import { cancelRun, createPlan, runPlanNow } from "../../../functions/engine/commands.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { readLocks } from "../../../functions/locks/locks.ts";
import type { Deps } from "../../../functions/ports/deps.ts";
import { handleReport } from "../../../functions/report.ts";
import { startRollback } from "../../../functions/rollback/start-rollback.ts";
import { loadRun } from "../../../functions/runs/runs.ts";
import { handleSweep } from "../../../functions/sweep.ts";
import { readSnapshot, snapshotOf } from "../../../gateway/storage/conformance/fixtures.ts";
import { resultParts } from "../../../gateway/tasks/result-parts.ts";
import { CutCluster, doTask } from "./cluster.ts";
import { Cut, cutAround, Died } from "./cut.ts";

const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");
const gatewayId = gatewayIdSchema.parse("gw-1");
const roundsMax = 400;

/** What is in the queues is delivered until somebody has done it. */
type Message = { readonly task: RunTask } | { readonly report: object };

/** Two real clusters under the real control plane, whose store is in memory. */
export class CutWorld {
  readonly a: CutCluster;
  readonly b: CutCluster;
  readonly volumeIds: readonly string[];
  readonly #api: TestApi;
  readonly #messages: Message[] = [];
  cut = Cut.never();
  /** Of the control plane; another one has nothing in mind that was not written down. */
  #life = { isDead: false };
  #deps: Deps;
  #doing = "";

  private constructor(api: TestApi, a: CutCluster, b: CutCluster, volumeIds: readonly string[]) {
    this.#api = api;
    this.#deps = this.#newDeps();
    this.a = a;
    this.b = b;
    this.volumeIds = volumeIds;
  }

  /** A plan of two volumes, from `a` to `b`. */
  static async open({ swaps }: { readonly swaps: boolean }, like: string): Promise<CutWorld> {
    const [a, b] = await Promise.all([CutCluster.open("a", swaps, like), CutCluster.open("b", true, like)]);
    const api = await createTestApi();
    const objects = await Promise.all(["one", "two"].map((name) => a.createVolume(name)));
    const now = api.deps.clock.now();
    await api.deps.store.putAll(
      [siteA, siteB].map((id) => ({ key: siteKey(id), body: { id, multiCluster: "main", createdAt: now } })),
    );
    await createPlan(api.deps, {
      ...{ id: planId, kind: "backup", status: "suspended", name: "db", source: siteA, createdAt: now },
      targets: [{ site: siteB, retention: { keepLast: 3 }, switches: {} }],
      ...{ objectCount: objects.length, objectSet: 1, schedule: scheduleSchema.parse({ cycle: "hourly" }) },
      objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
      ...{ compression: { enabled: true, level: 1, dictionary: true }, slotsDoneUntil: now, sequence: 0, lanes: {} },
    });
    return new CutWorld(
      api,
      a,
      b,
      objects.flatMap(({ volumes }) => volumes.map(({ id }) => id)),
    );
  }

  async remove(): Promise<void> {
    await Promise.all([this.a.remove(), this.b.remove()]);
  }

  /** All volumes of the plan. */
  async fill(seed: number): Promise<void> {
    for (const id of this.volumeIds) await this.a.fill(id, seed);
  }

  read(): Promise<readonly Buffer[]> {
    return Promise.all(this.volumeIds.map((id) => this.a.read(id)));
  }

  /** May die at each of its commits and messages. */
  #newDeps(): Deps {
    const { deps } = this.#api;
    const life = { isDead: false };
    const come = (place: string) => this.cut.come(life, "control plane", `${this.#doing}: ${place}`);
    this.#life = life;
    return {
      ...deps,
      store: cutAround(deps.store, { come, names: ["commit", "putAll", "deleteAll"] }),
      tasks: cutAround(deps.tasks, { come, names: ["send"] }),
    };
  }

  /** What a group has of them at the site that they are of. */
  readGroup(groupId: GroupId): Promise<readonly Buffer[]> {
    const { driver } = this.a;
    return Promise.all(this.volumeIds.map(async (id) => readSnapshot(driver, await snapshotOf(driver, groupId, id))));
  }

  /** Calls the control plane. @throws Died, and what it throws */
  async #call<T>(doing: string, call: (deps: Deps) => Promise<T>): Promise<T> {
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

  async backUp(): Promise<GroupId> {
    const run = await this.#call("run", (deps) => runPlanNow(deps, planId));
    await this.settle(run.id);
    const ended = await this.run(run.id);
    assert.equal(statusOf(ended), "succeeded", JSON.stringify(ended.targets));
    return ended.groupId;
  }

  /** @returns undefined: the control plane died over it, and its caller was told of no run */
  async begin(groupId: GroupId, from: typeof siteB | undefined): Promise<Run | undefined> {
    const wishes = { groupId, discardChanges: true, powerOff: false, keepSafetyDays: 3, ...(from && { from }) };
    return this.#unlessDead(this.#call("begin", (deps) => startRollback(deps, wishes)));
  }

  /** @returns whether the control plane has lived to say that it was cancelled */
  async cancel(runId: RunId): Promise<boolean> {
    const ended = (error: unknown) => {
      if (!VisibleError.is(error, "RUN_ENDED")) throw error;
    };
    return (await this.#unlessDead(this.#call("cancel", (deps) => cancelRun(deps, runId)).catch(ended), true)) === true;
  }

  async #unlessDead<T>(work: Promise<unknown>, result?: T): Promise<T | undefined> {
    try {
      const came = await work;
      return result ?? (came as T);
    } catch (error) {
      if (error instanceof Died) return undefined;
      throw error;
    }
  }

  async run(id: RunId): Promise<Run> {
    return (await loadRun(this.#api.deps, id))?.run ?? assert.fail(`there is no run ${id}`);
  }

  /** Whoever was told of it. */
  async rollback(): Promise<RunId | undefined> {
    const { items } = await this.#api.deps.store.query<{ readonly id?: RunId; readonly kind?: string }>({
      ...{ partition: `PLAN#${planId}`, prefix: "RUN#", limit: 1000 },
    });
    return items.find(({ body }) => body.kind === "rollback")?.body.id;
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

  /** All that is to be done is done, and what nobody does is found by the sweep. */
  async settle(runId: RunId | undefined): Promise<void> {
    let quiet = 0;
    for (let round = 0; round < roundsMax; round += 1) {
      this.#collect();
      const message = this.#messages.shift();
      if (message !== undefined) {
        await this.#deliver(message);
        quiet = 0;
        continue;
      }
      const isOver = runId === undefined || isSettled(await this.run(runId));
      if (isOver && quiet > 1) return;
      quiet += 1;
      this.#api.pass(60);
      await this.#unlessDead(this.#call("sweep", handleSweep));
    }
    assert.fail("it never comes to an end");
  }

  #collect(): void {
    for (const siteId of [siteA, siteB]) {
      for (const { task } of this.#api.deps.tasks.takeAll(siteId)) if (isRunTask(task)) this.#messages.push({ task });
    }
  }

  /** Who dies over a message has not acknowledged it. */
  async #deliver(message: Message): Promise<void> {
    try {
      if ("task" in message) await this.work(message.task);
      else await this.#call("report", (deps) => handleReport(deps, message.report));
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      this.#messages.push(message);
      await this.onDeath();
      if ("task" in message) await Promise.all([this.a.takeOver(), this.b.takeOver()]);
    }
  }

  /** Looks at what the dead have left. */
  onDeath: () => Promise<void> = async () => undefined;

  async work(task: RunTask): Promise<void> {
    const [here, to] = task.siteId === siteA ? [this.a, this.b] : [this.b, this.a];
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

  /** What a rollback may leave: its safety group, and nothing else. */
  async checkNothingLeft(): Promise<void> {
    const { deps } = this.#api;
    assert.deepEqual(await readLocks(deps, siteA), [], "a lock stays");
    const groups = (await readGroups(deps, planId)).map(({ body }): Group => body);
    assert.deepEqual(
      groups.flatMap(({ holds }) => holds),
      [],
      "a hold stays",
    );
    const objects = await this.a.driver.inventory();
    assert.deepEqual(
      objects.flatMap(({ volumes }) => volumes.map(({ id }) => id)).toSorted(),
      this.volumeIds.toSorted(),
      "something that was brought stays",
    );
    const runId = await this.rollback();
    if (runId !== undefined) {
      const staged = { planId: stagedIdsOf(runId).planId, source: siteA };
      assert.deepEqual(await this.a.driver.listGroups(staged), [], "a group that was brought stays");
    }
    assert.deepEqual(await this.a.driver.unfinishedRollbacks(objects), [], "a rollback is unfinished");
  }
}

const isSettled = (run: Run): boolean =>
  !["queued", "running"].includes(statusOf(run)) && partsOf(run).every(([, part]) => !part.unsettled);
