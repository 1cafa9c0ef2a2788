import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Group } from "../../../core/api/group.ts";
import {
  type FailoverId,
  failoverIdOf,
  type GroupId,
  groupIdOf,
  planIdSchema,
  type RunId,
  type SiteId,
  siteIdSchema,
} from "../../../core/api/ids.ts";
import type { Plan, PlanPlace } from "../../../core/api/plan.ts";
import type { Base, Run } from "../../../core/api/run.ts";
import { isRunTask, type RunTask } from "../../../core/api/task.ts";
import { addSeconds } from "../../../core/ports/clock.ts";
import { partsOf, statusOf } from "../../../core/run/steps.ts";
import { createTestApi, siteA, siteB, type TestApi } from "../../../functions/api/testing.ts";
import { planKey, siteKey } from "../../../functions/documents/records.ts";
import { createPlan, runPlanFor } from "../../../functions/engine/commands.ts";
import { applyToPlan } from "../../../functions/engine/engine.ts";
import { readBase } from "../../../functions/groups/base.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { startRebuild } from "../../../functions/rebuild/start-rebuild.ts";
import { handleReport } from "../../../functions/report.ts";
import { startRollback } from "../../../functions/rollback/start-rollback.ts";
import { loadRun } from "../../../functions/runs/runs.ts";
import { handleSweep } from "../../../functions/sweep.ts";
import { readSnapshot } from "../../../gateway/storage/conformance/fixtures.ts";
import { resultParts } from "../../../gateway/tasks/result-parts.ts";
import { newAuthority } from "../../../gateway/transfer/testing/credentials.ts";
import { openSite, type RealSite } from "./site.ts";

const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");
const siteC = siteIdSchema.parse("c");
const roundsMax = 400;

/** What a run sent to a site, and from which group it started. */
export interface SentThere {
  readonly run: Run;
  readonly base: Base | undefined;
  readonly bytesSent: number;
}

/** A plan of two volumes that protects `a`, and copies to `b` and `c`. Each has a gateway. */
export class MovedWorld {
  readonly a: RealSite;
  readonly b: RealSite;
  readonly c: RealSite;
  /** The originals. */
  readonly homeIds: readonly string[];
  readonly #api: TestApi;
  #silent: ReadonlySet<SiteId> = new Set();

  private constructor(api: TestApi, sites: readonly [RealSite, RealSite, RealSite], homeIds: readonly string[]) {
    this.#api = api;
    [this.a, this.b, this.c] = sites;
    this.homeIds = homeIds;
  }

  static async open(keepLast: number): Promise<MovedWorld> {
    const authority = await newAuthority();
    const [a, b, c] = await Promise.all([siteA, siteB, siteC].map((id) => openSite(id, authority)));
    assert(a !== undefined && b !== undefined && c !== undefined);
    const api = await createTestApi();
    const now = api.deps.clock.now();
    const objects = await Promise.all(["one", "two"].map((name) => a.createVolume(name)));
    await api.deps.store.putAll(
      [siteA, siteB, siteC].map((id) => ({ key: siteKey(id), body: { id, multiCluster: "main", createdAt: now } })),
    );
    await createPlan(api.deps, {
      ...{ id: planId, kind: "backup", status: "active", name: "db", source: siteA, createdAt: now },
      targets: [siteB, siteC].map((site) => ({ site, retention: { keepLast }, switches: {} })),
      ...{ objectCount: objects.length, objectSet: 1 },
      objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
      ...{ compression: { enabled: true, level: 1, dictionary: true }, slotsDoneUntil: now, sequence: 0, lanes: {} },
    });
    const homeIds = objects.flatMap(({ volumes }) => volumes.map(({ id }) => id));
    const world = new MovedWorld(api, [a, b, c], homeIds);
    await world.#comeAlive();
    return world;
  }

  get sites(): readonly RealSite[] {
    return [this.a, this.b, this.c];
  }

  async close(): Promise<void> {
    await Promise.all(this.sites.map((site) => site.close()));
    assert.deepEqual(this.#api.errors, []);
  }

  /** From now on nobody hears of the gateways of these sites, and they do nothing. */
  async silence(...siteIds: readonly SiteId[]): Promise<void> {
    this.#silent = new Set(siteIds);
    this.#api.pass(180);
    await this.#comeAlive();
  }

  async #comeAlive(): Promise<void> {
    for (const { identity, siteId } of this.sites) {
      if (!this.#silent.has(siteId)) await handleReport(this.#api.deps, { kind: "alive", gateway: identity });
    }
  }

  async plan(): Promise<Plan> {
    const stored = await this.#api.deps.store.get<Plan>(planKey(planId));
    return stored?.body ?? assert.fail("there is no plan");
  }

  async run(id: RunId): Promise<Run> {
    return (await loadRun(this.#api.deps, id))?.run ?? assert.fail(`there is no run ${id}`);
  }

  /** The groups of a site that are there, the oldest first. */
  async groupsAt(siteId: SiteId): Promise<readonly Group[]> {
    const groups = (await readGroups(this.#api.deps, planId, siteId)).map(({ body }) => body);
    return groups.filter(({ state }) => state === "published").sort((one, other) => one.sequence - other.sequence);
  }

  /** A run to all of its targets, as a person asks for it. */
  async backUp(): Promise<ReadonlyMap<SiteId, SentThere>> {
    this.#api.pass(1);
    const { status, body } = await this.#api.send<Run>("POST", "/v1/plans/db/run");
    assert.equal(status, 201, JSON.stringify(body));
    return this.#sentBy(body.id);
  }

  async #sentBy(runId: RunId): Promise<ReadonlyMap<SiteId, SentThere>> {
    const run = await this.#succeeded(runId);
    const sent = partsOf(run).map(async ([site, { moved }]): Promise<readonly [SiteId, SentThere]> => {
      const base = await readBase(this.#api.deps, runId, site);
      return [site, { run, base, bytesSent: moved?.bytesSent ?? assert.fail("nothing moved") }];
    });
    return new Map(await Promise.all(sent));
  }

  async #succeeded(runId: RunId): Promise<Run> {
    await this.settle(runId);
    const run = await this.run(runId);
    assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
    return run;
  }

  /** A failover is confirmed, and the plan is its own until it has moved. */
  async beginMoving(): Promise<FailoverId> {
    this.#api.pass(1);
    const failoverId = failoverIdOf(planId, this.#api.deps.clock.now());
    const plan = await applyToPlan(this.#api.deps, planId, { type: "moving", failoverId });
    assert.equal(plan.moving, failoverId);
    return failoverId;
  }

  /** It sends to some of the targets, as a failover has it. */
  async sendFor(failoverId: FailoverId, ...targets: readonly SiteId[]): Promise<ReadonlyMap<SiteId, SentThere>> {
    const of = { failoverId, slot: addSeconds(this.#api.deps.clock.now(), 0.001), targets };
    const runId = await runPlanFor(this.#api.deps, planId, of);
    assert(runId !== undefined, "it is a run of the failover");
    assert.equal(await runPlanFor(this.#api.deps, planId, of), runId, "it is the same run");
    const sent = await this.#sentBy(runId);
    await runPlanFor(this.#api.deps, planId, of);
    await this.settle(runId);
    assert.deepEqual((await this.plan()).lanes[targets[0] ?? ""], { active: null, queued: null });
    return sent;
  }

  /** The objects of a group are made at a site, under their names. */
  async rebuild(groupId: GroupId, siteId: SiteId, namePrefix = ""): Promise<RunId> {
    const run = await startRebuild(this.#api.deps, { groupId, siteId, namePrefix });
    await this.#succeeded(run.id);
    return run.id;
  }

  async place(failoverId: FailoverId, place: Pick<PlanPlace, "siteId" | "standIns"> | undefined): Promise<void> {
    const since = this.#api.deps.clock.now();
    const whole = place && { ...place, failoverId, since };
    await applyToPlan(this.#api.deps, planId, { type: "place", failoverId, place: whole });
    await applyToPlan(this.#api.deps, planId, { type: "moved", failoverId });
  }

  /** Objects at home become what a group has, unless they are other than `unchangedSince`. */
  async bringHome(failoverId: FailoverId, groupId: GroupId, unchangedSince: GroupId): Promise<Run> {
    const wishes = { groupId, discardChanges: false, powerOff: false, keepSafetyDays: 1 };
    const inFailover = { failoverId, slot: addSeconds(this.#api.deps.clock.now(), 0.002) };
    const run = await startRollback(this.#api.deps, wishes, { inFailover, standIns: [], unchangedSince });
    await this.settle(run.id);
    return this.run(run.id);
  }

  /** What a person is told who asks for this. */
  async refused(method: string, path: string, body?: object): Promise<string> {
    const answer = await this.#api.send(method, path, body);
    return `${answer.status} ${answer.body.error?.code}`;
  }

  /** The volumes at a site that stand for the originals, in their order. */
  async standInIds(site: RealSite, restoreId: RunId): Promise<readonly string[]> {
    const owner = { planId, source: siteA };
    const made = await site.driver.standIns({ owner, keys: [groupIdOf(restoreId)] });
    const volumes = made.flatMap((one) => one.volumes);
    return this.homeIds.map((id) => volumes.find(({ homeId }) => homeId === id)?.volumeId ?? assert.fail(id));
  }

  readAll(site: RealSite, volumeIds: readonly string[]): Promise<readonly Buffer[]> {
    return Promise.all(volumeIds.map((id) => site.read(id)));
  }

  /** What a group has at a site of the originals' volumes. */
  async readGroup({ driver }: RealSite, groupId: GroupId): Promise<readonly Buffer[]> {
    const group = await driver.findGroup(groupId);
    return Promise.all(
      this.homeIds.map((id) => {
        const snapshot = group?.snapshots.find(({ sourceVolumeId }) => sourceVolumeId === id);
        return readSnapshot(driver, snapshot?.snapshotId ?? assert.fail(`the group has no ${id}`));
      }),
    );
  }

  /** All that is to be done is done, and what nobody does is found by the sweep. */
  async settle(runId: RunId): Promise<void> {
    let quiet = 0;
    for (let round = 0; round < roundsMax; round += 1) {
      const tasks = this.sites.flatMap(({ siteId }) =>
        this.#api.deps.tasks.takeAll(siteId).flatMap(({ task }) => (isRunTask(task) ? [task] : [])),
      );
      for (const task of tasks) await this.#work(task);
      if (tasks.length > 0) quiet = 0;
      else if (isSettled(await this.run(runId)) && quiet > 1) return;
      else {
        quiet += 1;
        this.#api.pass(60);
        await this.#comeAlive();
        await handleSweep(this.#api.deps);
      }
    }
    assert.fail("it never comes to an end");
  }

  async #work(task: RunTask): Promise<void> {
    const site = this.sites.find(({ siteId }) => siteId === task.siteId) ?? assert.fail(task.siteId);
    if (this.#silent.has(site.siteId)) return;
    const { id: taskId, runId, target, step, index, attempt, sequence, siteId } = task;
    const about = { taskId, runId, target, step, index, attempt, sequence, siteId, gatewayId: site.identity.id };
    try {
      for (const part of resultParts(await site.perform(task))) {
        await handleReport(this.#api.deps, { kind: "completed", ...about, ...part });
      }
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      const { code, message, retryable } = error;
      const failed = { kind: "failed", reason: { code, message }, retryable, progressed: false };
      await handleReport(this.#api.deps, { ...failed, ...about });
    }
  }
}

const isSettled = (run: Run): boolean =>
  !["queued", "running"].includes(statusOf(run)) && partsOf(run).every(([, part]) => !part.unsettled);
