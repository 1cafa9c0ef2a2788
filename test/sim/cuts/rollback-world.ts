import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Group } from "../../../core/api/group.ts";
import { type GroupId, planIdSchema, type RunId, stagedIdsOf } from "../../../core/api/ids.ts";
import { scheduleSchema } from "../../../core/api/plan.ts";
import type { Run } from "../../../core/api/run.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { createTestApi, siteA, siteB, type TestApi } from "../../../functions/api/testing.ts";
import { siteKey } from "../../../functions/documents/records.ts";
import { cancelRun, createPlan, runPlanNow } from "../../../functions/engine/commands.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { readLocks } from "../../../functions/locks/locks.ts";
import { startRollback } from "../../../functions/rollback/start-rollback.ts";
import { readSnapshot, snapshotOf } from "../../../gateway/storage/conformance/fixtures.ts";
import { CutCluster } from "./cluster.ts";
import { CutWorld } from "./world.ts";

const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");

/** A plan whose objects are rolled back at the site that it protects. */
export class RollbackWorld extends CutWorld {
  readonly a: CutCluster;
  readonly volumeIds: readonly string[];

  private constructor(api: TestApi, a: CutCluster, b: CutCluster, volumeIds: readonly string[]) {
    super(
      api,
      new Map([
        [siteA, a],
        [siteB, b],
      ]),
    );
    this.a = a;
    this.volumeIds = volumeIds;
  }

  /** A plan of two volumes, from `a` to `b`. */
  static async open({ swaps }: { readonly swaps: boolean }, like: string): Promise<RollbackWorld> {
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
    return new RollbackWorld(
      api,
      a,
      b,
      objects.flatMap(({ volumes }) => volumes.map(({ id }) => id)),
    );
  }

  /** All volumes of the plan. */
  async fill(seed: number): Promise<void> {
    for (const id of this.volumeIds) await this.a.fill(id, seed);
  }

  read(): Promise<readonly Buffer[]> {
    return Promise.all(this.volumeIds.map((id) => this.a.read(id)));
  }

  /** What a group has of them at the site that they are of. */
  readGroup(groupId: GroupId): Promise<readonly Buffer[]> {
    const { driver } = this.a;
    return Promise.all(this.volumeIds.map(async (id) => readSnapshot(driver, await snapshotOf(driver, groupId, id))));
  }

  async backUp(): Promise<GroupId> {
    const run = await this.call("run", (deps) => runPlanNow(deps, planId));
    await this.settle(run.id);
    const ended = await this.run(run.id);
    assert.equal(statusOf(ended), "succeeded", JSON.stringify(ended.targets));
    return ended.groupId;
  }

  /** @returns undefined: the control plane died over it, and its caller was told of no run */
  begin(groupId: GroupId, from: typeof siteB | undefined): Promise<Run | undefined> {
    const wishes = { groupId, discardChanges: true, powerOff: false, keepSafetyDays: 3, ...(from && { from }) };
    return this.tell("begin", (deps) => startRollback(deps, wishes));
  }

  /** @returns whether the control plane has lived to say that it was cancelled */
  async cancel(runId: RunId): Promise<boolean> {
    const ended = (error: unknown) => {
      if (!VisibleError.is(error, "RUN_ENDED")) throw error;
      return true;
    };
    return (await this.tell("cancel", (deps) => cancelRun(deps, runId).catch(ended))) !== undefined;
  }

  /** Whoever was told of it. */
  async rollback(): Promise<RunId | undefined> {
    const { items } = await this.api.deps.store.query<{ readonly id?: RunId; readonly kind?: string }>({
      ...{ partition: `PLAN#${planId}`, prefix: "RUN#", limit: 1000 },
    });
    return items.find(({ body }) => body.kind === "rollback")?.body.id;
  }

  /** What a rollback may leave: its safety group, and nothing else. */
  async checkNothingLeft(): Promise<void> {
    const { deps } = this.api;
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
