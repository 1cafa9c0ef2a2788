import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { objectNamed } from "../../../functions/api/testing.ts";
import type { Host } from "../../host/host.ts";
import { createWorld } from "../../testing.ts";

const planText = `
name: nightly
source: a
targets: [{ site: b, retention: { keepLast: 3 } }]
objects: [{ kind: lun, name: db }]
`;

/** Both sites have what the world has, so names and addresses are taken at b. */
const withPlan = async () => {
  const world = await createWorld();
  world.objects = [objectNamed("db")];
  await world.run(["plan", "create", "-f", "-"], { readInput: async () => planText });
  await world.run(["plan", "run", "nightly", "--wait"]);
  return world;
};

const answering = (text: string) => {
  const asked: string[] = [];
  const ask: Host["ask"] = async (question) => {
    asked.push(question);
    return text;
  };
  return { ask, asked };
};

const there = ["--to", "b", "--rename", "db=db-2"];

describe("failover", () => {
  test("shows what is lost, asks, and ends with 1 when the answer is not yes", async () => {
    const world = await withPlan();
    const { ask, asked } = answering("n");
    const { exitCode, stdout, stderr } = await world.run(["failover", "nightly", ...there], { ask });
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /KIND +NAME +NEWEST RESTORE POINT +AGE +AT B\n.*db +2026-03-01 .*is made/);
    assert.match(stderr, /SOURCE_ANSWERS/);
    assert.match(asked.join(), /^Fail over of the plan nightly to b\? \[y\/N\] $/);
    assert.match(stdout, /Nothing was changed/);
    assert.match((await world.run(["failover", "list"])).stdout, /There was no failover yet/);
  });

  test("goes there and back home, and says what it does and what may be said to it", async () => {
    const world = await withPlan();
    const gone = await world.run(["failover", "nightly", ...there, "--yes", "--wait"]);
    assert.equal(gone.exitCode, 0, gone.stderr);
    assert.match(gone.stdout, /^looking: looks at what is in the way there$[\s\S]*failed-over/m);
    assert.match(gone.stdout, /^smtx-backup failback nightly {2}→ stopping-there: switches machines off there$/m);
    assert.match((await world.run(["failover", "show", "nightly"])).stdout, /rests: the plan is at the other site/);
    const refused = await world.run(["failover", "continue", "nightly"]);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /NOTHING_TO_CONTINUE[\s\S]*failback nightly/);
    const { ask, asked } = answering("y");
    const back = await world.run(["failback", "nightly", "--wait"], { ask });
    assert.equal(back.exitCode, 1, back.stdout + back.stderr);
    assert.match(back.stdout, /when nobody at b uses them any more:\n +LUN db$/m);
    assert.equal((await world.run(["failover", "continue", "nightly", "--wait"])).exitCode, 0);
    assert.match(asked.join(), /^Bring the plan nightly home to a\?/);
    assert.match((await world.run(["failover", "list"])).stdout, /nightly +unplanned +a +b .* home /);
  });

  test("is told apart from its test, which is undone by itself or sooner", async () => {
    const world = await withPlan();
    const begun = await world.run(["failover", "nightly", "--to", "b", "--test", "--for", "2h", "--yes", "--wait"]);
    assert.equal(begun.exitCode, 0, begun.stdout + begun.stderr);
    assert.match(begun.stdout, /it is removed at 2026-03-01 /);
    assert.equal((await world.run(["failover", "show", "nightly"])).exitCode, 3);
    const undone = await world.run(["failover", "undo", "nightly", "--test", "--yes", "--wait"]);
    assert.equal(undone.exitCode, 0, undone.stdout + undone.stderr);
    assert.match(undone.stdout, /has ended: the test is removed/);
  });

  test("names what is in its way before anything moves", async () => {
    const world = await withPlan();
    const taken = await world.run(["failover", "nightly", "--to", "b", "--planned", "--yes"]);
    assert.equal(taken.exitCode, 2);
    assert.match(taken.stderr, /“db”[\s\S]*OBJECT_NAME_TAKEN[\s\S]*--rename OLD=NEW/);
    assert.match((await world.run(["failover", "list"])).stdout, /There was no failover yet/);
  });
});
