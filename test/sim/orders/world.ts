import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import type { FailoverCommand } from "../../../core/api/failover/failover.ts";
import type { FailoverWish } from "../../../core/api/failover/request.ts";
import {
  type FailoverId,
  failoverIdOf,
  type GroupId,
  planIdSchema,
  type RunId,
  type SiteId,
} from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { objectSpecSchema } from "../../../core/api/object-spec.ts";
import type { Plan } from "../../../core/api/plan.ts";
import type { Run } from "../../../core/api/run.ts";
import { isRunTask, type RunTask } from "../../../core/api/task.ts";
import { partsOf, statusOf } from "../../../core/run/steps.ts";
import { createTestApi, reportAlive, siteA, siteB, type TestApi } from "../../../functions/api/testing.ts";
import { planKey, siteKey } from "../../../functions/documents/records.ts";
import { createPlan, runPlanNow } from "../../../functions/engine/commands.ts";
import { confirmFailover } from "../../../functions/failover/confirm.ts";
import { previewFailover } from "../../../functions/failover/preview.ts";
import { sayToFailover } from "../../../functions/failover/say.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { beginOrder, type OrderOptions } from "../../../functions/orders/begin-order.ts";
import { startRebuild } from "../../../functions/rebuild/start-rebuild.ts";
import { handleReport } from "../../../functions/report.ts";
import { loadRun } from "../../../functions/runs/runs.ts";
import { handleSweep } from "../../../functions/sweep.ts";
import { noise, write } from "../../../gateway/storage/conformance/fixtures.ts";
import { resultParts } from "../../../gateway/tasks/result-parts.ts";
import { CutCluster, doTask, emptyCluster, extentBytes } from "../cuts/cluster.ts";
import { Cut } from "../cuts/cut.ts";

const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
const size = `${(2 * extentBytes) / 1024}KiB`;
const roundsMax = 400;

const vm = (name: string) => ({
  ...{ kind: "vm", name, vcpu: 1, memory: "1GiB", nics: [{ switch: "prod" }] },
  disks: [{ name: `${name}-0`, size, geometry }],
});
/** Of the plan, at home: two VMs, a LUN and a file. */
const protectedObjects = [
  vm("web"),
  vm("db"),
  { kind: "lun", name: "log", target: "t1", lunId: 7, size, geometry },
  { kind: "nfs-file", name: "/exports/e1/vm/a.img", size, geometry },
];
/** What a site has besides. */
const facilities = [
  { kind: "switch", name: "prod", vlans: [] },
  { kind: "nfs-export", name: "e1" },
];

type OrderWish = OrderOptions extends infer One ? (One extends object ? Omit<One, "inFailover"> : never) : never;

/** A plan that protects `a` and copies to `b`. What is done at a site its gateways do. */
export class OrdersWorld {
  readonly a: CutCluster;
  readonly b: CutCluster;
  readonly objects: readonly ObjectConfig[];
  readonly #api: TestApi;
  /** Their gateways do nothing. */
  readonly down = new Set<SiteId>();
  /** Answers to these are lost the first time: what was done is done again. */
  loses: (task: RunTask) => boolean = () => false;
  /** Happens at a site when it has done a task. */
  after: (task: RunTask) => Promise<void> = async () => undefined;
  readonly #lost = new Set<string>();
  readonly done: RunTask[] = [];

  private constructor(api: TestApi, [a, b]: readonly [CutCluster, CutCluster], objects: readonly ObjectConfig[]) {
    this.#api = api;
    [this.a, this.b, this.objects] = [a, b, objects];
  }

  static async open(): Promise<OrdersWorld> {
    const like = await emptyCluster();
    const sites = [await CutCluster.open("a", true, like), await CutCluster.open("b", true, like)] as const;
    await rm(like, { recursive: true });
    const [a, b] = sites;
    for (const site of sites) await make(site, ...facilities);
    const objects = await make(a, ...protectedObjects);
    const api = await createTestApi();
    const now = api.deps.clock.now();
    await api.deps.store.putAll(
      [siteA, siteB].map((id) => ({ key: siteKey(id), body: { id, multiCluster: "main", createdAt: now } })),
    );
    await createPlan(api.deps, {
      ...{ id: planId, kind: "backup", status: "active", name: "shop", source: siteA, createdAt: now },
      targets: [{ site: siteB, retention: { keepLast: 3 }, switches: { prod: "prod" } }],
      ...{ objectCount: objects.length, objectSet: 1 },
      objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
      ...{ compression: { enabled: true, level: 1, dictionary: true }, slotsDoneUntil: now, sequence: 0, lanes: {} },
    });
    return new OrdersWorld(api, [a, b], objects);
  }

  async close(): Promise<void> {
    await Promise.all([this.a.remove(), this.b.remove()]);
    assert.deepEqual(this.#api.errors, []);
  }

  get deps(): TestApi["deps"] {
    return this.#api.deps;
  }

  named(name: string): ObjectConfig {
    return this.objects.find((object) => object.name === name) ?? assert.fail(name);
  }

  /** Which VMs of a site that are no mirrors are on. */
  async on({ driver }: CutCluster): Promise<readonly string[]> {
    return (await driver.inventory()).flatMap((object) =>
      object.kind === "vm" && object.origin?.role !== "mirror" && object.vm.status !== "STOPPED" ? [object.name] : [],
    );
  }

  /** Something that is in the way. */
  readonly make = make;

  async write(object: ObjectConfig, seed: number): Promise<void> {
    await write(this.a.driver, object.volumes[0]?.id ?? assert.fail(), [0, noise(extentBytes, seed)]);
  }

  read(object: ObjectConfig): Promise<Buffer> {
    return this.a.read(object.volumes[0]?.id ?? assert.fail());
  }

  async backUp(): Promise<GroupId> {
    this.#api.pass(1);
    const { id, groupId } = await runPlanNow(this.deps, planId);
    assert.equal(statusOf(await this.settle(id)), "succeeded");
    return groupId;
  }

  async rebuild(groupId: GroupId): Promise<RunId> {
    this.#api.pass(1);
    const { id } = await startRebuild(this.deps, { groupId, siteId: siteB, namePrefix: "", keepMacs: true });
    const run = await this.settle(id);
    assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
    return id;
  }

  /** A failover orders it. */
  async begin(wish: OrderWish): Promise<OrderOptions & { readonly run: Run }> {
    this.#api.pass(1);
    const slot = this.deps.clock.now();
    const options = { ...wish, inFailover: { failoverId: failoverIdOf(planId, slot), slot } } as OrderOptions;
    return { ...options, run: await beginOrder(this.deps, options) };
  }

  /** The same until it is done. */
  async order(wish: OrderWish): Promise<Run> {
    const begun = await this.begin(wish);
    const { id } = begun.run;
    assert.equal((await beginOrder(this.deps, begun)).id, id, "begun again, it is the same");
    const run = await this.settle(id);
    assert.equal((await beginOrder(this.deps, begun)).id, id, "also when it is over");
    return run;
  }

  /** Somebody previews a failover, and confirms it. */
  async beginFailover(kind: FailoverWish["kind"], more: Partial<FailoverWish> = {}): Promise<FailoverId> {
    await this.comeAlive();
    const wish: FailoverWish = { plan: planId, to: siteB, kind, ...more };
    const { confirmation } = await previewFailover(this.deps, wish);
    return (await confirmFailover(this.deps, { wish, confirmation })).id;
  }

  say(id: FailoverId, command: FailoverCommand): Promise<unknown> {
    return sayToFailover(this.deps, id, { command, discardChanges: false });
  }

  /** Gateways are heard of, but those of a site that is down. */
  async comeAlive(): Promise<void> {
    for (const id of [siteA, siteB]) if (!this.down.has(id)) await reportAlive(this.#api, id);
  }

  plan(): Promise<Plan | undefined> {
    return this.deps.store.get<Plan>(planKey(planId)).then((stored) => stored?.body);
  }

  /** Time passes, and what is to be done is done, in steps of so many seconds. */
  async pass(seconds: number, stepSeconds = 60): Promise<void> {
    for (let past = 0; past < seconds; past += stepSeconds) {
      this.#api.pass(stepSeconds);
      await this.comeAlive();
      await handleSweep(this.deps);
      for (let tasks = this.#tasks(); tasks.length > 0; tasks = this.#tasks()) {
        for (const task of tasks) await this.#work(task);
      }
    }
  }

  #tasks(): readonly RunTask[] {
    return [siteA, siteB].flatMap((id) =>
      this.down.has(id) ? [] : this.deps.tasks.takeAll(id).flatMap(({ task }) => (isRunTask(task) ? [task] : [])),
    );
  }

  async settle(runId: RunId): Promise<Run> {
    let quiet = 0;
    for (let round = 0; round < roundsMax; round += 1) {
      const tasks = this.#tasks();
      for (const task of tasks) await this.#work(task);
      const run = (await loadRun(this.deps, runId))?.run ?? assert.fail(`there is no run ${runId}`);
      if (tasks.length > 0) quiet = 0;
      else if (!["queued", "running"].includes(statusOf(run)) && quiet > 1) return run;
      else {
        quiet += 1;
        this.#api.pass(60);
        await this.comeAlive();
        await handleSweep(this.deps);
      }
    }
    return assert.fail("it never comes to an end");
  }

  async #work(task: RunTask): Promise<void> {
    const [here, to] = task.siteId === siteA ? [this.a, this.b] : [this.b, this.a];
    const { id: taskId, runId, target, step, index, attempt, sequence, siteId } = task;
    const about = { taskId, runId, target, step, index, attempt, sequence, siteId, gatewayId: "gw-1" };
    this.done.push(task);
    try {
      const result = await doTask(task, { here, to, cut: Cut.never() });
      await this.after(task);
      if (this.loses(task) && !this.#lost.has(taskId)) return void this.#lost.add(taskId);
      for (const part of resultParts(result)) await handleReport(this.deps, { kind: "completed", ...about, ...part });
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      const { code, message, retryable } = error;
      const failed = { kind: "failed", reason: { code, message }, retryable, progressed: false };
      await handleReport(this.deps, { ...failed, ...about });
    }
  }

  /** No group is held any more. */
  async checkNothingHeld(): Promise<void> {
    const groups = await readGroups(this.deps, planId);
    assert.deepEqual(
      groups.flatMap(({ body: { holds } }) => holds),
      [],
    );
  }
}

const make = async ({ driver }: CutCluster, ...documents: readonly object[]): Promise<readonly ObjectConfig[]> => {
  assert(driver.administration !== undefined);
  return driver.administration.createObjects(documents.map((document) => objectSpecSchema.parse(document)));
};

export const reasonOf = (run: Run): string | undefined => partsOf(run)[0]?.[1].reason?.code;
