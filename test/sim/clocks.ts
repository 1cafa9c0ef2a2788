import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GatewayAnswer, HistoryEntry, ObjectsAnswer, RunSummary } from "../../core/api/answers.ts";
import type { Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { allItems, pagesOf } from "../../core/api/pages.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, RunHead, Shard, TargetRun } from "../../core/api/run.ts";
import { addSeconds, aheadSecondsMax, secondsBetween } from "../../core/ports/clock.ts";
import type { Stored } from "../../core/ports/store.ts";
import { partsOf } from "../../core/run/steps.ts";
import { slots } from "../../core/schedule/slots.ts";
import {
  createNightlyPlan,
  createTestApi,
  objectNamed,
  siteA,
  siteB,
  type TestApi,
  vmNamed,
} from "../../functions/api/testing.ts";
import { complete, takeTasks } from "../../functions/api/testing-gateway.ts";
import type { Page } from "../../functions/documents/page.ts";
import { readAll } from "../../functions/documents/ranges.ts";
import { planKey, runPrefix } from "../../functions/documents/records.ts";
import { dueSecondsMax } from "../../functions/engine/engine.ts";
import { handlePlanInvocation } from "../../functions/plan.ts";
import { handleReport } from "../../functions/report.ts";
import { assembled } from "../../functions/runs/runs.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { createTicker, type Ticker } from "../../infra/local/ticker/ticker.ts";
import { Chance } from "./chance.ts";
import { modelScheduler } from "./model-scheduler.ts";

/** Whose clock may be wrong, each by its own. */
const parties = ["control plane", "ticker", "a", "b"] as const;
type Party = (typeof parties)[number];

const [minute, hour, day] = [60, 3600, 86_400];
const units = [hour, day, 30 * day, 365 * day];
/** A tick, a sweep, and whatever there is to do at the sites. */
const stepSeconds = 5 * minute;

/** What a history had in it. */
export type ClocksSeen = Record<string, number>;

/**
 * A control plane with its real code, a plan, the real ticker, and two sites whose gateways do what
 * they are told; each goes by a clock of its own, and none of them knows the true time.
 */
class World {
  readonly chance: Chance;
  readonly seen: ClocksSeen = {};
  readonly api: TestApi;
  readonly ticker: Ticker;
  truth: Instant;
  readonly errors: Record<Party, number> = { "control plane": 0, ticker: 0, a: 0, b: 0 };
  /** What was sent before this instant may get lost. */
  isLossy = true;

  constructor(seed: number, api: TestApi, dir: string) {
    this.chance = new Chance(seed);
    this.api = api;
    this.truth = api.deps.clock.now();
    const log = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };
    this.#noteDeleted();
    this.ticker = createTicker({
      client: modelScheduler(
        () => this.api.schedules,
        () => this.at("control plane"),
      ),
      ...{ dir, log },
      invoke: (_, input) => handlePlanInvocation(this.api.deps, JSON.parse(input)),
    });
  }

  /** Slots of runs that were deleted: by a clock that is months ahead, their time had come. */
  readonly deleted = new Set<string>();

  #noteDeleted(): void {
    const { store } = this.api.deps;
    const { commit } = store;
    store.commit = async (changes) => {
      for (const { type, key } of changes) {
        if (type !== "delete" || !key.sort.startsWith(runPrefix)) continue;
        const head = await store.get<RunHead>(key);
        if (head !== undefined && "slot" in head.body) this.deleted.add(head.body.slot);
      }
      await commit(changes);
    };
  }

  at(party: Party): Instant {
    return addSeconds(this.truth, this.errors[party]);
  }

  count(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }

  set(party: Party, error: number): void {
    if (party === "control plane") this.api.pass(error - this.errors[party]);
    this.errors[party] = error;
  }

  pass(seconds: number): void {
    this.truth = addSeconds(this.truth, seconds);
    this.api.pass(seconds);
  }

  /** What happens in five minutes. */
  async step(): Promise<void> {
    this.pass(stepSeconds);
    await this.ticker.tick(this.at("ticker"));
    await this.#tell();
    await handleSweep(this.api.deps);
    await this.#work();
    await this.#checkDeadlines();
  }

  async #tell(): Promise<void> {
    for (const id of [siteA, siteB]) {
      const gateway = { id: `${id}1`, siteId: id, endpoint: `${id}:1`, tunnel: "envoy", version: "1", storage: "x" };
      await handleReport(this.api.deps, { kind: "alive", gateway });
      const observedAt = this.at(id as Party);
      const inventory = { siteId: id, gatewayId: `${id}1`, generation: Date.parse(observedAt), part: 0, parts: 1 };
      const objects = [objectNamed("db"), vmNamed("web")];
      await handleReport(this.api.deps, { kind: "inventory", ...inventory, observedAt, objects });
    }
  }

  async #work(): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds += 1) {
      const tasks = [siteA, siteB].flatMap((site) => takeTasks(this.api, site));
      if (tasks.length === 0) return;
      for (const task of tasks) {
        if (this.isLossy && this.chance.happens(0.25)) {
          this.count("tasks that were lost");
          continue;
        }
        await complete(this.api, task, this.at(task.siteId as Party));
      }
    }
    assert.fail("there is always more to do");
  }

  async runs(planId: PlanId): Promise<readonly Run[]> {
    return assembled(await this.#documents<RunHead | TargetRun>(planKey(planId).partition, runPrefix)).map(
      ({ run }) => run,
    );
  }

  #documents<T>(partition: string, prefix: string): Promise<readonly Stored<T>[]> {
    return readAll<T>(this.api.deps, { partition, sort: prefix }, 500);
  }

  /** I7: nobody works without a deadline that comes. */
  async #checkDeadlines(): Promise<void> {
    const now = this.at("control plane");
    const { items } = await this.api.send<Page<Plan>>("GET", "/v1/plans").then(({ body }) => body);
    for (const { id } of items) {
      for (const run of await this.runs(id)) {
        if (!partsOf(run).some(([, part]) => part.step !== null)) continue;
        for (const { body, dueAt } of await this.#documents<Shard>(`RUN#${run.id}`, "SHARD#")) {
          if (body.deadline === null) continue;
          assert(dueAt !== undefined, "I7: no deadline");
          assert(secondsBetween(now, dueAt) <= dueSecondsMax, `I7: ${dueAt}, and it is ${now}`);
        }
      }
    }
  }
}

const historyOf = ({ api }: World): Promise<readonly HistoryEntry[]> => {
  const read = async (cursor: string | undefined) => {
    const query = cursor === undefined ? "" : `&cursor=${cursor}`;
    return (await api.send<Page<HistoryEntry>>("GET", `/v1/plans/nightly/runs?limit=100${query}`)).body;
  };
  return allItems(pagesOf(read));
};

/**
 * I11: every slot since the plan was made is one run or part of one skip, by
 * what a person is shown.
 */
const checkSlots = async (world: World, plan: Plan, since: Instant): Promise<void> => {
  assert(plan.schedule !== undefined);
  const recorded = new Map<string, number>();
  const note = (slot: string) => recorded.set(slot, (recorded.get(slot) ?? 0) + 1);
  for (const entry of await historyOf(world)) {
    if (entry.type === "run" && entry.run.trigger === "schedule") note(entry.run.slot);
    if (entry.type !== "skip") continue;
    const { firstSlot, lastSlot, count, reason } = entry.skip;
    const range = slots(plan.schedule, { after: addSeconds(firstSlot, -1), until: lastSlot, limit: 1_000_000 });
    assert.equal(range.length, count, "I11: a skip counts other slots than it spans");
    range.forEach(note);
    world.count(`skips: ${reason}`);
  }
  const twice = [...recorded].filter(([, count]) => count > 1);
  assert.deepEqual(twice, [], "I11: slots that were settled twice");
  const due = slots(plan.schedule, { after: since, until: world.truth, limit: 1_000_000 });
  const forgotten = due.filter((slot) => !recorded.has(slot) && !world.deleted.has(slot));
  assert.deepEqual(forgotten, [], "I11: slots that are neither a run nor skipped");
};

const isOver = ({ status }: RunSummary): boolean => status !== "queued" && status !== "running";

/**
 * Plays the history of a seed: clocks are set, forwards and back, while a plan runs; then they are
 * right, and all goes on as if they had always been.
 * @returns what was in it
 * @throws AssertionError for an invariant that does not hold
 */
export const playClocks = async (seed: number): Promise<ClocksSeen> => {
  const dir = await mkdtemp(join(tmpdir(), "clocks-"));
  try {
    return await play(new World(seed, await createTestApi(), dir));
  } finally {
    await rm(dir, { recursive: true });
  }
};

const play = async (world: World): Promise<ClocksSeen> => {
  const { chance, api } = world;
  const jump = () =>
    (chance.happens(0.5) ? 1 : -1) * (units[chance.below(units.length)] ?? hour) * (1 + chance.below(6));
  const isHourly = chance.happens(0.7);
  if (chance.happens(0.3)) world.set("control plane", jump());
  const schedule = isHourly ? { cycle: "hourly", minute: 5 } : { cycle: "daily", at: "01:00" };
  const { body: made } = await createNightlyPlan(api, { schedule });
  for (let episodes = 0; episodes < 8; episodes += 1) {
    const party = parties[chance.below(parties.length)] ?? "ticker";
    world.set(party, chance.happens(0.4) ? 0 : jump());
    world.count(`${party}: ${world.errors[party] === 0 ? "right" : world.errors[party] > 0 ? "ahead" : "behind"}`);
    const steps = 1 + chance.below(isHourly ? 20 : 60);
    for (let passed = 0; passed < steps; passed += 1) {
      if (chance.happens(0.02))
        await api.send("POST", `/v1/plans/nightly/${chance.happens(0.5) ? "suspend" : "resume"}`);
      if (chance.happens(0.1)) await api.send("POST", "/v1/plans/nightly/run");
      await world.step();
    }
  }
  for (const party of parties) world.set(party, 0);
  await calm(world, made, isHourly);
  return world.seen;
};

/**
 * All clocks are right: from the next slot on each runs when it comes, what was under way ends, and
 * all that is known is of now.
 */
const calm = async (world: World, made: Plan, isHourly: boolean): Promise<void> => {
  const { api } = world;
  world.isLossy = false;
  await api.send("POST", "/v1/plans/nightly/resume");
  const rightAt = world.truth;
  const promised = (await api.send<{ slots: Instant[] }>("GET", "/v1/plans/nightly/schedule?count=2")).body.slots;
  const end = addSeconds(promised[1] ?? rightAt, (isHourly ? hour : day) / 2);
  while (world.truth < end) await world.step();
  const runs = await world.runs(made.id);
  for (const slot of promised.filter((one) => one > addSeconds(rightAt, aheadSecondsMax))) {
    const ran = runs.some(
      (run) => run.slot === slot && run.createdAt >= slot && secondsBetween(slot, run.createdAt) < stepSeconds,
    );
    assert(ran, `the slot ${slot} did not run when it came, though it was promised at ${rightAt}`);
    world.count("slots that ran when they came");
  }
  // Whatever a wrong clock has begun waits for a day or so at most.
  for (let steps = 0; steps < (27 * hour) / stepSeconds; steps += 1) {
    const isDone = (await historyOf(world)).every((entry) => entry.type === "skip" || isOver(entry.run));
    if (isDone) break;
    await world.step();
  }
  await checkEnd(world, made.id, rightAt);
  const { body: plan } = await api.send<Plan>("GET", "/v1/plans/nightly");
  await checkSlots(
    world,
    plan,
    made.createdAt > rightAt ? rightAt : made.createdAt > plan.createdAt ? plan.createdAt : made.createdAt,
  );
};

const checkEnd = async (world: World, planId: PlanId, rightAt: Instant): Promise<void> => {
  const { api } = world;
  const { body: plan } = await api.send<Plan>("GET", "/v1/plans/nightly");
  for (const entry of await historyOf(world)) {
    if (entry.type === "run") {
      assert(isOver(entry.run), `${entry.run.id} goes on long after the clocks are right`);
      world.count(`runs: ${entry.run.trigger}, ${entry.run.status}`);
    }
  }
  assert(
    Object.values(plan.lanes).every(({ active, queued }) => active === null && queued === null),
    "a lane is held",
  );
  for (const kept of [plan.slotsDoneUntil, plan.manualSlot ?? rightAt, plan.createdAt]) {
    assert(secondsBetween(world.truth, kept) <= aheadSecondsMax, `${kept} was kept, and it is ${world.truth}`);
  }
  const after = addSeconds(world.truth, dueSecondsMax);
  const left = await api.deps.store.due({ after, now: "9999-12-31T23:59:59.999Z" as Instant, limit: 10 });
  assert.deepEqual(left, [], "something is due that nobody will look at");
  assert.deepEqual([...api.schedules.keys()], [planId], "the scheduler does not know the plan");
  for (const id of [siteA, siteB] as SiteId[]) {
    const { body: inventory } = await api.send<ObjectsAnswer>("GET", `/v1/sites/${id}/objects`);
    assert(
      Math.abs(secondsBetween(inventory.observedAt, world.truth)) < hour,
      `the inventory is of ${inventory.observedAt}`,
    );
    const { items } = (await api.send<{ items: GatewayAnswer[] }>("GET", `/v1/sites/${id}/gateways`)).body;
    assert.deepEqual(
      items.map(({ alive }) => alive),
      [true],
    );
  }
};
