import assert from "node:assert/strict";
import type { Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import type { Task } from "../../core/api/task.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { runPlanNow } from "../../functions/engine/commands.ts";
import { lunOf, vmOf } from "../../test/sim/model-objects.ts";
import { noFaults, World } from "../../test/sim/world.ts";

/** How many objects a plan protects, and to how many targets. */
export interface Size {
  readonly objects: number;
  readonly targets: number;
  /** They are VMs of so many disks. Absent: LUNs, of one volume each. */
  readonly disks?: number;
}

export const volumesOf = ({ objects, disks = 1 }: Size): number => objects * disks;

type Timing = Pick<ConstructorParameters<typeof World>[0], "passage" | "sleep">;

const begin = "2026-11-24T00:00:00.000Z" as Instant;
const source = "a" as SiteId;
/** With one kept, the second run is the first that has something to delete. */
const keepLast = 1;
/** What is due later than this is no part of a run: the daily look at its plan. */
const runSeconds = 900;
/** Longer than anything is kept that is of no use. */
const forgottenAfterSeconds = 100 * 86_400;

const numbered = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${what}-${(index + 1).toString().padStart(4, "0")}`);

/** A control plane with one plan, which runs when it is told to. */
export class Backups {
  readonly world: World;
  readonly targets: readonly SiteId[];
  readonly #size: Size;
  #planId: PlanId | undefined;

  constructor(size: Size, timing: Timing = {}) {
    this.#size = size;
    this.targets = numbered("site", size.targets) as SiteId[];
    const sites = [source, ...this.targets];
    this.world = new World({ seed: 1, sites, keepLast, now: begin, faults: noFaults, ...timing });
  }

  async addPlan(): Promise<void> {
    const { objects, disks } = this.#size;
    const kind = disks === undefined ? "lun" : "vm";
    const names = numbered(kind === "lun" ? "volume" : "vm", objects);
    const site = this.world.site(source);
    for (const name of names) site.add(disks === undefined ? lunOf(name) : vmOf(name, disks));
    this.#planId = await this.world.addPlan(
      (id): WholePlan => ({
        id,
        kind: "backup",
        status: "active",
        name: "hourly",
        source,
        targets: this.targets.map((site) => ({
          site,
          retention: { keepLast },
          switches: { prod: "dr-prod", "storage-network": "dr" },
        })),
        objects: names.map((name) => ({ kind, id: name, name })),
        objectCount: names.length,
        objectSet: 1,
        compression: { enabled: true, level: 1, dictionary: true },
        createdAt: begin,
        slotsDoneUntil: begin,
        sequence: 0,
        lanes: {},
      }),
    );
  }

  async start(): Promise<void> {
    const planId = this.#planId ?? assert.fail("there is no plan yet");
    assert(await this.world.call((deps) => runPlanNow(deps, planId)), "the run did not begin");
  }

  /** One run, and all that follows from it, an hour after the one before. */
  async run(): Promise<void> {
    const { world } = this;
    world.pass(3600);
    await this.start();
    for (let rounds = 0; rounds < 1000; rounds += 1) {
      while (this.deliverTasks() || (await world.deliverReport()));
      const nextDue = world.table.nextDue();
      if (nextDue === undefined || nextDue > addSeconds(world.now, runSeconds)) return this.#checkDone();
      world.passToNext();
      if (nextDue <= world.now) await world.sweep();
    }
    assert.fail("there is always more to do");
  }

  /**
   * Time goes on until nothing is known any more of runs whose restore points are gone.
   * @returns how many sweeps it took
   */
  async forget(): Promise<number> {
    const { world } = this;
    world.pass(forgottenAfterSeconds);
    for (let sweeps = 1; ; sweeps += 1) {
      const { write } = world.table.capacity;
      await world.sweep();
      if (world.table.capacity.write === write) return sweeps;
      assert(sweeps < 1000, "there is always more to forget");
      world.pass(60);
    }
  }

  /**
   * Plays until nothing is left to be done but tasks of one kind, which are held back.
   * @returns them
   */
  async playUpTo(kind: Task["kind"]): Promise<World["tasks"]> {
    const { world } = this;
    const held: World["tasks"] = [];
    do {
      held.push(...world.tasks.filter(({ body }) => body.kind === kind));
      world.tasks.splice(0, world.tasks.length, ...world.tasks.filter(({ body }) => body.kind !== kind));
    } while (this.deliverTasks() || (await world.deliverReport()));
    return held;
  }

  /**
   * Gateways do all that they are told. None of it takes so long that they would say they are at
   * work on it.
   */
  deliverTasks(): boolean {
    const { world } = this;
    const count = world.tasks.length;
    while (world.deliverTask());
    const reports = world.reports.filter(({ body }) => body.kind !== "working");
    world.reports.splice(0, world.reports.length, ...reports);
    return world.tasks.length < count;
  }

  /** A run that came to nothing would be cheap. */
  #checkDone(): void {
    for (const site of [source, ...this.targets]) {
      const groups = [...this.world.site(site).groups.values()];
      assert.equal(groups.length, keepLast, `${site} keeps ${groups.length} groups`);
      assert.equal(groups[0]?.contents.size, volumesOf(this.#size), `the group on ${site} is not whole`);
    }
  }
}
