import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writePattern } from "../../../infra/local/demo/image.ts";
import { geometry, MiB, MovingPlans, mayBeSent, sentBy } from "./world.ts";

const imageBytes = 32 * MiB;
const atA = { site: "a", name: "db1" };
const atB = { site: "b", name: "db1" };

/** Sites a and b, and a plan whose LUN has been backed up. */
const backedUp = async (): Promise<MovingPlans> => {
  const world = await MovingPlans.of(["a", "b"]);
  const image = join(world.local.dir, "disk.img");
  await writePattern(image, imageBytes, 1);
  await world.local.importImage("a", image, { name: "db1", geometry });
  await world.local.createPlan({ name: "nightly", objects: [{ kind: "lun", name: "db1" }] });
  await world.backUp("nightly");
  return world;
};

describe("an unplanned failover, with writes there, and the way home", () => {
  let world: MovingPlans;
  let original: string;
  const grains = 300;

  before(async () => {
    world = await backedUp();
    original = await world.volumeOf(atA);
  });
  after(() => world?.local.remove());

  test("says before anybody confirms it what is lost of each object, and does nothing until then", async () => {
    const { exitCode, stdout, stderr } = await world.says("failover", "nightly", "--to", "b");
    assert.notEqual(exitCode, 0);
    assert.match(stdout + stderr, /db1/);
    assert.match(stdout + stderr, /\d+ (?:ms|s|min)/);
    assert.match(stdout + stderr, /SOURCE_ANSWERS/);
    assert.deepEqual(await world.names("b"), []);
  });

  test("has the objects at the other site under their own names, and the plan goes on from there", async () => {
    const before = await world.sha256(atA);
    await world.does("failover", "nightly", "--to", "b", "--wait", "--yes");
    assert.equal((await world.shown("nightly")).state, "failed-over");
    assert.deepEqual(await world.names("b"), ["db1"]);
    assert.equal(await world.sha256(atB), before);
  });

  test("comes home with what was written there: equal, in its place, and no more sent than has changed", async (t) => {
    await world.write(atB, grains);
    const written = await world.sha256(atB);
    await world.says("failback", "nightly", "--wait", "--yes");
    if ((await world.shown("nightly")).state === "confirming-back") {
      await world.does("failover", "continue", "nightly", "--wait");
    }
    const failover = await world.comesTo("home", "nightly");
    assert.equal(await world.sha256(atA), written);
    assert.equal(await world.volumeOf(atA), original);
    const sent = sentBy(await world.runOf(failover, "sending-back"));
    t.diagnostic(`${sent} bytes sent back for ${grains * 4096} that were written`);
    assert.ok(sent <= mayBeSent(grains), `${sent} bytes were sent back`);
    assert.deepEqual([failover.diverged ?? [], failover.warnings], [[], []]);
  });

  test("leaves nothing at the other site but what the plan has there", async () => {
    assert.deepEqual(await world.names("b"), []);
    assert.deepEqual(await world.names("a"), ["db1"]);
  });

  test("is followed by backups as before, which send only what differs", async () => {
    await world.write(atA, 10, 5);
    const now = await world.sha256(atA);
    const run = await world.backUp("nightly");
    assert.equal(run.targets[0]?.base?.why, "increment");
    assert.ok(sentBy(run) <= mayBeSent(10), `${sentBy(run)} bytes were sent`);
    assert.equal(await world.sha256In("b", run.groupId), now);
  });
});

describe("a failover whose old site goes on being written", () => {
  let world: MovingPlans;
  let here: string;
  let there: string;

  before(async () => {
    world = await backedUp();
    await world.does("failover", "nightly", "--to", "b", "--wait", "--yes");
    await world.write(atA, 20);
    await world.write(atB, 30, 3);
    here = await world.sha256(atA);
    there = await world.sha256(atB);
  });
  after(() => world?.local.remove());

  test("overwrites nothing there on the way home: what comes lies beside it, and both are named", async () => {
    await world.says("failback", "nightly", "--wait", "--yes");
    if ((await world.shown("nightly")).state === "confirming-back") {
      await world.does("failover", "continue", "nightly", "--wait");
    }
    const failover = await world.comesTo("home", "nightly");
    assert.deepEqual(await world.names("a"), ["db1", "failback-db1"]);
    assert.equal(await world.sha256(atA), here);
    assert.equal(await world.sha256({ site: "a", name: "failback-db1" }), there);
    assert.deepEqual(
      failover.diverged?.map(({ name }) => name),
      ["db1"],
    );
    const { stdout } = await world.says("failover", "show", "nightly");
    assert.match(stdout, /db1/);
    assert.match(stdout, /failback-db1/);
  });

  test("has the plan go on with what came home, and send only what differs", async () => {
    await world.write({ site: "a", name: "failback-db1" }, 10, 7);
    const now = await world.sha256({ site: "a", name: "failback-db1" });
    const run = await world.backUp("nightly");
    assert.equal(run.targets[0]?.base?.why, "increment");
    assert.ok(sentBy(run) <= mayBeSent(10), `${sentBy(run)} bytes were sent`);
    assert.equal(await world.sha256In("b", run.groupId), now);
    assert.equal(await world.sha256(atA), here);
  });
});

describe("a failover that is undone", () => {
  let world: MovingPlans;
  let before_: string;

  before(async () => {
    world = await backedUp();
    before_ = await world.sha256(atA);
    await world.does("failover", "nightly", "--to", "b", "--wait", "--yes");
  });
  after(() => world?.local.remove());

  test("halts while that would lose what was written there, and touches nothing", async () => {
    await world.write(atB, 5);
    const there = await world.sha256(atB);
    await world.says("failover", "undo", "nightly", "--wait", "--yes");
    const failover = await world.comesToHalt("nightly");
    assert.equal(failover.halted?.code, "CHANGED_SINCE");
    assert.equal(await world.sha256(atB), there);
  });

  test("gives it up with --discard-changes, and all is as before: the next backup sends what differs", async () => {
    await world.does("failover", "undo", "nightly", "--discard-changes", "--wait", "--yes");
    await world.comesTo("undone", "nightly");
    assert.equal(await world.sha256(atA), before_);
    await world.write(atA, 10);
    const run = await world.backUp("nightly");
    assert.equal(run.targets[0]?.base?.why, "increment");
    assert.ok(sentBy(run) <= mayBeSent(10), `${sentBy(run)} bytes were sent`);
  });
});
