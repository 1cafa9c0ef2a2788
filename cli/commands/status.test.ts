import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gatewayAbsentAfterSeconds } from "../../core/api/site.ts";
import { objectNamed, reportAlive, siteA, siteB } from "../../functions/api/testing.ts";
import { complete, report } from "../../functions/api/testing-gateway.ts";
import { planKey } from "../../functions/documents/records.ts";
import { putInventoryPart } from "../../functions/inventory/inventory.ts";
import { toldBy } from "../../functions/inventory/testing.ts";
import { createWorld, type TestWorld } from "../testing.ts";

const day = 24 * 60 * 60;

const definitionOf = (name: string, schedule: string) => `
name: ${name}
source: a
targets:
  - site: b
    retention: { keepLast: 2 }
objects:
  - { kind: lun, name: db }
${schedule}
`;
const daily = "schedule: { cycle: daily, at: '01:00' }";

const createPlan = async (world: TestWorld, name = "nightly", schedule = daily) => {
  const readInput = async () => definitionOf(name, schedule);
  const { exitCode, stderr } = await world.run(["plan", "create", "-f", "-"], { readInput });
  assert.equal(exitCode, 0, stderr);
};

const worldWithPlan = async () => {
  const world = await createWorld();
  world.objects = [objectNamed("db")];
  await createPlan(world);
  return world;
};

const alive = async (world: TestWorld) => {
  for (const site of [siteA, siteB]) await reportAlive(world.api, site);
};

const status = async (world: TestWorld, ...args: readonly string[]) => {
  const { exitCode, stdout, stderr } = await world.run(["status", ...args]);
  assert.equal(stderr, "");
  const json = JSON.parse((await world.run(["status", ...args, "--json"])).stdout);
  return { exitCode, stdout, json };
};

const summaryOf = (json: { summary: Record<string, number> }) =>
  Object.fromEntries(Object.entries(json.summary).filter(([, count]) => count > 0));

describe("status", () => {
  test("says that a plan has never run, and that it is well after a run, with exit code 0", async () => {
    const world = await worldWithPlan();
    const before = await status(world);
    assert.deepEqual([before.exitCode, summaryOf(before.json)], [0, { "never-run": 1 }]);
    assert.match(
      before.stdout,
      /^1 plan at 1 target: 1 never run\n\nPLAN .*\nnightly +b +never run +none +– +every day +–$/m,
    );
    await world.run(["plan", "run", "nightly", "--wait"]);
    world.api.pass(2 * 3600);
    await alive(world);
    const after = await status(world);
    assert.deepEqual([after.exitCode, summaryOf(after.json)], [0, { well: 1 }]);
    assert.match(
      after.stdout,
      /\nnightly +b +well +2026-03-01 00:\d\d:\d\d UTC +2 h +every day +succeeded 2026-03-01 00:\d\d:\d\d UTC\n$/,
    );
  });

  test("says after a night of failures what failed and why, where to look, and ends with 1", async () => {
    const world = await worldWithPlan();
    const reason = { code: "PEER_REFUSED", message: "Site b refused the certificate." };
    world.perform = (task) =>
      task.kind === "transfer"
        ? report(world.api, task, { kind: "failed", reason, retryable: false, progressed: false })
        : complete(world.api, task);
    await world.run(["plan", "run", "nightly", "--wait"]);
    await alive(world);
    const { exitCode, stdout, json } = await status(world);
    assert.deepEqual([exitCode, summaryOf(json)], [1, { failing: 1 }]);
    assert.match(
      stdout,
      /\nnightly at b: failed: Site b refused the certificate\. \(PEER_REFUSED\)\n {2}see: smtx-backup run show run_/,
    );
    assert.deepEqual(json.items[0].targets[0].last.reason, reason);
  });

  test("never calls a target well that has no restore point: a first run that was cancelled ends it with 1", async () => {
    const world = await worldWithPlan();
    await createPlan(world, "slow", "");
    const run = JSON.parse((await world.run(["plan", "run", "slow", "--json"])).stdout);
    await world.run(["run", "cancel", run.id]);
    await alive(world);
    const { exitCode, stdout, json } = await status(world, "--plan", "slow");
    assert.deepEqual([exitCode, summaryOf(json)], [1, { failing: 1 }]);
    assert.match(
      stdout,
      /\nslow at b: there is no restore point, and the last run was cancelled\n {2}see: smtx-backup plan run plan_\S+ --wait\n/,
    );
  });

  test("says which restore points are older than their cycle allows, since when, and ends with 1", async () => {
    const world = await worldWithPlan();
    await world.run(["plan", "run", "nightly", "--wait"]);
    world.api.pass(3 * day);
    await alive(world);
    const { exitCode, stdout, json } = await status(world);
    assert.deepEqual([exitCode, summaryOf(json)], [1, { late: 1 }]);
    assert.match(
      stdout,
      /\nnightly at b: late since 2026-03-02 01:00:00 UTC: the newest restore point is older than the plan's cycle allows\n$/,
    );
  });

  test("names the site whose gateways are absent and what waits for it, with exit code 0 until it fails or is late", async () => {
    const world = await worldWithPlan();
    await world.run(["plan", "run", "nightly"]);
    world.api.pass(gatewayAbsentAfterSeconds);
    await reportAlive(world.api, siteB);
    const { exitCode, stdout, json } = await status(world);
    assert.deepEqual([exitCode, summaryOf(json), json.absentSites], [0, { waiting: 1 }, ["a"]]);
    assert.match(stdout, /\nnightly at b: waiting: No gateway of site “a” was heard of/);
    assert.match(stdout, /\nsite a: no gateway was heard of lately, .*\n {2}see: smtx-backup gateway list --site a\n$/);
  });

  test("says that a plan is suspended, or runs by hand, and calls neither late", async () => {
    const world = await worldWithPlan();
    await createPlan(world, "by-hand", "");
    await world.run(["plan", "suspend", "nightly"]);
    world.api.pass(30 * day);
    await alive(world);
    const { exitCode, stdout } = await status(world);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^2 plans at 2 targets: 1 suspended, 1 never run\n/);
    assert.match(stdout, /\nby-hand +b +never run +none +– +by hand +–/);
  });

  test("of one plan or one site is that alone; a typo in either is an error", async () => {
    const world = await worldWithPlan();
    await createPlan(world, "other");
    assert.equal((await status(world, "--plan", "other")).json.items.length, 1);
    assert.equal((await status(world, "--site", "b")).json.items.length, 2);
    assert.match((await status(world, "--site", "a")).stdout, /^No plan has a target there\.\n$/);
    for (const [args, code] of [
      [["--plan", "othr"], "PLAN_UNKNOWN"],
      [["--site", "c"], "SITE_UNKNOWN"],
      [["--plan", "other", "--site", "a"], "SITE_UNKNOWN"],
    ] as const) {
      const { exitCode, stderr } = await world.run(["status", ...args]);
      assert.equal(exitCode, 3);
      assert.match(stderr, new RegExp(`\\(${code}\\)\n  hint: `));
    }
  });

  test("of no plans says how to make one", async () => {
    const { exitCode, stdout } = await status(await createWorld());
    assert.equal(exitCode, 0);
    assert.match(stdout, /smtx-backup plan create/);
  });

  test("has exit code 1 while the newest restore point is damaged, and says what of it", async () => {
    const world = await worldWithPlan();
    await world.run(["plan", "run", "nightly", "--wait"]);
    const groupId: string = (await status(world)).json.items[0].targets[0].newest.groupId;
    const damage = [{ groupId, volumeId: "v1", name: "web1", extents: 1 }];
    const at = Date.parse(world.api.deps.clock.now());
    for (const part of toldBy({ siteId: siteB, at, damage })) await putInventoryPart(world.api.deps, part);
    const { exitCode, stdout, json } = await status(world);
    assert.deepEqual([exitCode, summaryOf(json)], [1, { damaged: 1 }]);
    assert.match(stdout, /^nightly at b: the newest restore point is damaged: web1 \(1 extent\)$/m);
  });

  test("has exit code 1 where a plan can't be read, alone or among others, and says how many", async () => {
    const world = await worldWithPlan();
    const { planId } = (await status(world)).json.items[0];
    const { store } = world.api.deps;
    const key = planKey(planId);
    const body = { ...(await store.get<object>(key))?.body, sequence: "many" };
    await store.commit([{ type: "put", key, body, expect: "any" }]);
    const alone = await status(world);
    assert.deepEqual([alone.exitCode, alone.json.items, alone.json.unreadable], [1, [], 1]);
    assert.match(alone.stdout, /^1 plan can't be read, /);
    await createPlan(world, "other");
    const among = await status(world);
    assert.deepEqual([among.exitCode, among.json.items.length, among.json.unreadable], [1, 1, 1]);
    assert.match(among.stdout, /^1 plan at 1 target: /);
    assert.match(among.stdout, /^1 plan can't be read, /m);
  });

  test("says in its help which exit code means what", async () => {
    const { stdout } = await (await createWorld()).run(["status", "--help"]);
    assert.match(stdout.replaceAll(/\s+/g, " "), /exit code 1 when something is late, failing or damaged/);
  });
});
