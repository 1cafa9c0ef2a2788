import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Failover, FailoverCommand, FailoverState } from "../../../core/api/failover/failover.ts";
import type { FailoverWish } from "../../../core/api/failover/request.ts";
import { type GroupId, groupIdOf, planIdSchema, type RunId, type SiteId } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { type ObjectSpec, objectSpecSchema } from "../../../core/api/object-spec.ts";
import { type Plan, scheduleSchema } from "../../../core/api/plan.ts";
import type { RunTask } from "../../../core/api/task.ts";
import { isUnderWay } from "../../../core/failover/table.ts";
import { siteOfObjects } from "../../../core/plan/place.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { createTestApi, reportAlive, siteA, siteB, type TestApi } from "../../../functions/api/testing.ts";
import { failoverPrefix, planKey, siteKey } from "../../../functions/documents/records.ts";
import { createPlan, runPlanNow } from "../../../functions/engine/commands.ts";
import { confirmFailover } from "../../../functions/failover/confirm.ts";
import { readCurrent } from "../../../functions/failover/failovers.ts";
import { previewFailover } from "../../../functions/failover/preview.ts";
import { sayToFailover } from "../../../functions/failover/say.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { putInventoryPart } from "../../../functions/inventory/inventory.ts";
import { toldBy } from "../../../functions/inventory/testing.ts";
import { readLocks } from "../../../functions/locks/locks.ts";
import { noise, readSnapshot, readVolume, write } from "../../../gateway/storage/conformance/fixtures.ts";
import { CutCluster, extentBytes, volumeBytes } from "./cluster.ts";
import { CutWorld, isSettled } from "./world.ts";

const planId = planIdSchema.parse("plan_01K0Z3NDEKTSV4RRFFQ69G5FAV");
const owner = { planId, source: siteA };
const network: ObjectSpec = objectSpecSchema.parse({ kind: "switch", name: "prod" });
const sayingsMax = 30;

/** A volume and a VM with a disk and a NIC; both have all their data in one volume. */
const specs = [
  {
    kind: "volume",
    name: "db",
    size: volumeBytes,
    geometry: { extentBytes, stripeCount: 1, stripeBytes: extentBytes },
  },
  {
    ...{ kind: "vm", name: "web", memory: "1GiB" },
    disks: [{ size: volumeBytes, geometry: { extentBytes, stripeCount: 1, stripeBytes: extentBytes } }],
    nics: [{ macAddress: "52:54:00:00:00:01", switch: "prod" }],
  },
].map((spec) => objectSpecSchema.parse(spec));

/** By their names; all of an object is one noise, told by its seed, and whether it is on. */
export type Objects = Readonly<Record<string, string>>;

/** A plan of a volume and a VM, from a to b, that is failed over and back. */
export class FailoverWorld extends CutWorld {
  /** Of its objects, as home calls them. */
  readonly #homes: readonly { readonly name: string; readonly volumeId: string }[];

  private constructor(api: TestApi, sites: ReadonlyMap<SiteId, CutCluster>, objects: readonly ObjectConfig[]) {
    super(api, sites);
    this.#homes = objects.flatMap(({ name, volumes }) => volumes.map(({ id: volumeId }) => ({ name, volumeId })));
  }

  static async open({ swaps }: { readonly swaps: boolean }, like: string): Promise<FailoverWorld> {
    const [a, b] = await Promise.all([CutCluster.open("a", swaps, like), CutCluster.open("b", true, like)]);
    const objects = await a.create([network, ...specs]);
    await b.create([network]);
    const world = new FailoverWorld(
      await createTestApi(),
      new Map([
        [siteA, a],
        [siteB, b],
      ]),
      objects,
    );
    const { deps } = world.api;
    const now = deps.clock.now();
    await deps.store.putAll(
      [siteA, siteB].map((id) => ({ key: siteKey(id), body: { id, multiCluster: "main", createdAt: now } })),
    );
    await createPlan(deps, {
      ...{ id: planId, kind: "backup", status: "suspended", name: "shop", source: siteA, createdAt: now },
      targets: [{ site: siteB, retention: { keepLast: 3 }, switches: { prod: "prod" } }],
      ...{ objectCount: objects.length, objectSet: 1, schedule: scheduleSchema.parse({ cycle: "hourly" }) },
      objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
      ...{ compression: { enabled: true, level: 1, dictionary: true }, slotsDoneUntil: now, sequence: 0, lanes: {} },
    });
    await a.power("web", "on");
    for (const name of ["db", "web"] as const) await world.write(siteA, name, 1);
    await world.tellOfSites();
    await world.backUp();
    return world;
  }

  override async passMinute(): Promise<void> {
    await this.tellOfSites();
    await super.passMinute();
  }

  /** What gateways tell now and then of themselves and of what their sites have. */
  async tellOfSites(): Promise<void> {
    const { deps } = this.api;
    for (const [siteId, { driver }] of this.sites) {
      if (this.asleep.has(siteId)) continue;
      await reportAlive(this.api, siteId);
      const objects = await driver.inventory();
      const at = Date.parse(deps.clock.now());
      for (const part of toldBy({ siteId, at, objects })) await putInventoryPart(deps, part);
    }
  }

  /** Somebody writes all of an object, and what it had is his to lose. */
  async write(siteId: SiteId, name: string, seed: number): Promise<void> {
    await write(this.at(siteId).driver, await this.#volumeAt(siteId, name), [0, noise(volumeBytes, seed)]);
  }

  async #volumeAt(siteId: SiteId, name: string): Promise<string> {
    const found = (await this.at(siteId).ordinary()).find((object) => object.name === name);
    return found?.volumes[0]?.id ?? assert.fail(`there is no ${name} at ${siteId}`);
  }

  async plan(): Promise<Plan> {
    return (await this.api.deps.store.get<Plan>(planKey(planId)))?.body ?? assert.fail("there is no plan");
  }

  /** Whoever asks for one and is told nothing asks again. */
  async begin(kind: FailoverWish["kind"]): Promise<void> {
    const wish: FailoverWish = { plan: planId, to: siteB, kind, ...(kind === "test" && { forSeconds: 600 }) };
    for (let tries = 0; tries < sayingsMax && (await this.failover()) === undefined; tries += 1) {
      await this.tell("begin", async (deps) => {
        const { confirmation } = await previewFailover(deps, wish);
        return confirmFailover(deps, { wish, confirmation });
      });
    }
  }

  /** The newest one. */
  async failover(): Promise<Failover | undefined> {
    const { items } = await this.api.deps.store.query<Failover>({
      ...{ partition: "FAILOVERS", prefix: failoverPrefix, limit: 1, descending: true },
    });
    return items[0]?.body;
  }

  /** @returns the code of why it was refused */
  async say(command: FailoverCommand, discardChanges = false): Promise<string | undefined> {
    const id = (await this.failover())?.id ?? assert.fail("there is no failover");
    try {
      await this.tell(command, (deps) => sayToFailover(deps, id, { command, discardChanges }));
      return undefined;
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      return error.code;
    }
  }

  /**
   * Until it comes to one of these states and rests there; a person says so whenever it waits.
   * @param turns whether he wants something else now
   */
  async lead(command: FailoverCommand, ends: readonly FailoverState[], turns = () => false): Promise<Failover> {
    const told: string[] = [];
    for (let sayings = 0; sayings < sayingsMax; sayings += 1) {
      await this.#settleFailover(turns);
      const failover = (await this.failover()) ?? assert.fail("there is no failover");
      if (turns() || (failover.halted === undefined && ends.includes(failover.state))) return failover;
      const refused = await this.say(command);
      told.push(`${failover.state}: ${failover.halted?.code} ${failover.halted?.message} → ${refused ?? command}`);
    }
    return assert.fail(`it never comes to ${ends}: ${told.join("\n")}`);
  }

  async #settleFailover(turns: () => boolean): Promise<void> {
    await this.settleWhen(async () => {
      const failover = await this.failover();
      const isResting = failover === undefined || (!isUnderWay(failover) && failover.retryAt === undefined);
      return isResting && (await this.runs()).every(isSettled);
    }, turns);
  }

  async runs() {
    const { items } = await this.api.deps.store.query<{ readonly id?: RunId; readonly kind?: string }>({
      ...{ partition: `PLAN#${planId}`, prefix: "RUN#", limit: 1000 },
    });
    return Promise.all(items.flatMap(({ body: { id, kind } }) => (id && kind ? [this.run(id)] : [])));
  }

  /** What people use at a site, by name. */
  async objects(siteId: SiteId): Promise<Objects> {
    const all = await this.at(siteId).ordinary();
    const told = all.map(async (object) => {
      const isOn = object.kind === "vm" && object.vm.status !== "STOPPED";
      return [object.name, `${seedOf(await this.#read(siteId, object))}${isOn ? ", on" : ""}`] as const;
    });
    return Object.fromEntries((await Promise.all(told)).toSorted());
  }

  /** @returns undefined: it is being rolled back */
  async #read(siteId: SiteId, { volumes: [volume] }: ObjectConfig): Promise<Buffer | undefined> {
    assert(volume !== undefined, "each has one volume");
    try {
      return await readVolume(this.at(siteId).driver, volume.id);
    } catch (error) {
      if (VisibleError.is(error, "ROLLBACK_UNFINISHED")) return undefined;
      throw error;
    }
  }

  /** That what was written is in some object or group, at either site. */
  async checkNothingLost(seeds: readonly number[]): Promise<void> {
    const kept = new Set<string>();
    for (const [siteId, { driver }] of this.sites) {
      for (const object of await this.at(siteId).ordinary()) kept.add(seedOf(await this.#read(siteId, object)));
      for (const { groupId } of await driver.listGroups(owner)) {
        for (const { snapshotId } of (await driver.findGroup(groupId))?.snapshots ?? []) {
          kept.add(seedOf(await readSnapshot(driver, snapshotId)));
        }
      }
    }
    const lost = seeds.filter((seed) => !kept.has(String(seed)));
    assert.deepEqual(lost, [], `it is nowhere any more; there are ${[...kept]}`);
  }

  /** That no machine is on at both sites. */
  async checkRunsOnce(): Promise<void> {
    const on: SiteId[] = [];
    for (const [siteId, site] of this.sites) {
      const machines = (await site.ordinary()).filter(({ name }) => name.endsWith("web") && !name.startsWith("test-"));
      if (machines.some((object) => object.kind === "vm" && object.vm.status !== "STOPPED")) on.push(siteId);
    }
    assert(on.length < 2, "its machine is on at both sites");
  }

  override async work(task: RunTask): Promise<void> {
    await super.work(task);
    if (task.kind === "order") await this.checkRunsOnce();
  }

  /** That nothing is left of what was only there for the way. */
  async checkNothingLeft(): Promise<void> {
    const { deps } = this.api;
    const failover = await this.failover();
    const { moving } = await this.plan();
    assert.equal(moving, undefined, "the plan is still being moved");
    for (const siteId of this.sites.keys()) assert.deepEqual(await readLocks(deps, siteId), [], "a lock stays");
    const groups = (await readGroups(deps, planId)).map(({ body }) => body);
    const holders = new Set<string>(groups.flatMap(({ holds }) => holds));
    if (failover?.endedAt === undefined && failover !== undefined) holders.delete(failover.id);
    assert.deepEqual([...holders], [], "a hold stays");
    for (const isTest of [false, true]) {
      const current = await readCurrent(deps, planId, isTest);
      assert.equal(current?.endedAt, undefined, "it has ended, and no other one can begin");
    }
    for (const { driver } of this.sites.values()) {
      const all = await driver.inventory();
      assert.deepEqual(await driver.unfinishedRollbacks(all), [], "a rollback is unfinished");
    }
  }

  /**
   * That the plan goes on from where its objects are, with little.
   * @param extentsMax of them may be sent, besides one that is written now
   */
  async checkNextBackup(extentsMax: number): Promise<void> {
    const plan = await this.plan();
    const at = siteOfObjects(plan);
    const receiver = at === siteA ? siteB : siteA;
    const mine = await this.#planObjects(plan);
    await write(this.at(at).driver, mine[0]?.here ?? "", [0, noise(extentBytes, 99)]);
    const before = this.at(at).sentExtents;
    const groupId = await this.backUp();
    const sent = this.at(at).sentExtents - before;
    assert(sent <= Math.max(1, extentsMax), `${sent} extents were sent to ${receiver}`);
    const { driver } = this.at(receiver);
    const group = (await driver.findGroup(groupId)) ?? assert.fail(`${receiver} has no such group`);
    for (const { name, home, here } of mine) {
      const snapshot = group.snapshots.find(({ sourceVolumeId }) => sourceVolumeId === home);
      assert(snapshot !== undefined, `the restore point lacks ${name}`);
      const bytes = await readVolume(this.at(at).driver, here);
      assert(
        (await readSnapshot(driver, snapshot.snapshotId)).equals(bytes),
        `the restore point of ${name} is another`,
      );
    }
  }

  /** The volumes of its objects: what home calls them, and what they are where they are now. */
  async #planObjects({ place }: Plan) {
    const { driver } = this.at(place?.siteId ?? siteA);
    const keys = (place?.standIns ?? []).map(groupIdOf);
    const standIns = keys.length === 0 ? [] : await driver.standIns({ owner, keys });
    const originals = await this.at(siteA).ordinary();
    return this.#homes.map(({ name, volumeId: home }) => {
      const made = standIns.flatMap(({ volumes }) => volumes).find(({ homeId }) => homeId === home);
      const here = made?.volumeId ?? originals.flatMap(({ volumes }) => volumes).find(({ id }) => id === home)?.id;
      return { name, home, here: here ?? assert.fail(`the plan has no ${name} any more`) };
    });
  }

  async backUp(): Promise<GroupId> {
    const run = await this.call("run", (deps) => runPlanNow(deps, planId));
    await this.settle(run.id);
    const ended = await this.run(run.id);
    assert.equal(statusOf(ended), "succeeded", JSON.stringify(ended.targets));
    return ended.groupId;
  }
}

const seeds = new Map(Array.from({ length: 10 }, (_, seed) => [noise(volumeBytes, seed).toString("latin1"), seed]));

const seedOf = (bytes: Buffer | undefined): string =>
  bytes === undefined ? "being rolled back" : String(seeds.get(bytes.toString("latin1")) ?? "of several");
