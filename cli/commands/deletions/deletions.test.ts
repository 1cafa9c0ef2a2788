import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { objectNamed } from "../../../functions/api/testing.ts";
import type { Host } from "../../host/host.ts";
import { createWorld, type TestWorld } from "../../testing.ts";

const planText = `
name: nightly
source: a
targets: [{ site: b, retention: { keepLast: 3 } }]
objects: [{ kind: lun, name: db }]
`;

/** A plan of two restore points at b. */
const withTwo = async () => {
  const world = await createWorld();
  world.objects = [objectNamed("db")];
  await world.run(["plan", "create", "-f", "-"], { readInput: async () => planText });
  for (let day = 1; day <= 2; day += 1) {
    world.api.pass(24 * 3600);
    await world.run(["plan", "run", "nightly", "--wait"]);
  }
  return world;
};
const groupsAtB = async (world: TestWorld): Promise<{ id: string; state: string }[]> => {
  const { stdout } = await world.run(["group", "list", "--site", "b", "--json"]);
  return JSON.parse(stdout).items;
};
const typing = (text: string) => {
  const asked: string[] = [];
  const ask: Host["ask"] = async (question) => {
    asked.push(question);
    return text;
  };
  return { ask, asked };
};

describe("group delete", () => {
  test("shows what goes, with its age, and asks; any answer but yes changes nothing and ends with 1", async () => {
    const world = await withTwo();
    const [, older] = await groupsAtB(world);
    assert(older);
    const { ask, asked } = typing("n");
    const { exitCode, stdout, stderr } = await world.run(["group", "delete", older.id, "--site", "b"], { ask });
    assert.equal(exitCode, 1);
    assert.equal(stdout.trim(), "Nothing was deleted.");
    assert.match(stderr, /SITE +TAKEN +AGE/);
    assert(stderr.includes(older.id));
    assert.match(asked.join(), /^Delete the group .* at b for good\? \[y\/N\] $/);
    assert.equal((await groupsAtB(world)).length, 2);
    const { exitCode: done } = await world.run(["group", "delete", older.id, "--site", "b", "--wait"], typing("y"));
    assert.equal(done, 0);
    assert.equal((await groupsAtB(world)).length, 1);
  });

  test("needs no site where only one has it, and names them where several have", async () => {
    const world = await withTwo();
    const [newest, older] = await groupsAtB(world);
    assert(newest && older);
    const several = await world.run(["group", "delete", newest.id, "--yes"]);
    assert.equal(several.exitCode, 2);
    assert.match(several.stderr, /is at b, a|is at a, b/);
    assert.equal((await world.run(["group", "delete", older.id, "--yes", "--wait"])).exitCode, 0);
  });

  test("with --dry-run only shows, and without anybody to ask wants --yes", async () => {
    const world = await withTwo();
    const [, older] = await groupsAtB(world);
    const dry = await world.run(["group", "delete", older?.id ?? "", "--site", "b", "--dry-run"]);
    assert.equal(dry.exitCode, 0);
    assert.match(dry.stdout, /That would go\. Nothing was deleted\.$/m);
    const nobody = await world.run(["group", "delete", older?.id ?? "", "--site", "b"], { ask: async () => undefined });
    assert.equal(nobody.exitCode, 2);
    assert.match(nobody.stderr, /--yes/);
    assert.equal((await groupsAtB(world)).length, 2);
  });

  test("of the last good one says how it is deleted all the same, and what the next run does", async () => {
    const world = await withTwo();
    await world.run(["group", "delete", "latest", "--plan", "nightly", "--site", "b", "--yes", "--wait"]);
    const latest = ["group", "delete", "latest", "--plan", "nightly", "--site", "b"];
    const refused = await world.run([...latest, "--yes"]);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /GROUP_NEEDED[\s\S]*--last/);
    const { stdout } = await world.run([...latest, "--last", "--dry-run"]);
    assert.match(stdout, /the next run sends everything/);
  });
});

describe("plan delete --with-restore-points", () => {
  test("wants the plan's name typed, and then deletes all of it", async () => {
    const world = await withTwo();
    const command = ["plan", "delete", "nightly", "--with-restore-points"];
    const yes = typing("yes");
    assert.equal((await world.run(command, yes)).exitCode, 1);
    assert.match(yes.asked.join(), /type nightly: $/);
    assert.equal((await groupsAtB(world)).length, 2);
    const { exitCode, stderr } = await world.run([...command, "--wait"], typing("nightly"));
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(await groupsAtB(world), []);
    assert.match((await world.run(["plan", "show", "nightly"])).stdout, /deleted/);
  });
});

describe("mirror", () => {
  test("list shows what a deleted plan has left, and release gives it back", async () => {
    const world = await withTwo();
    assert.match((await world.run(["mirror", "list"])).stdout, /^No site has anything that no plan needs\.$/m);
    assert.match((await world.run(["mirror", "list", "--all"])).stdout, /its plan needs it/);
    const release = ["mirror", "release", "nightly", "--site", "b"];
    assert.match((await world.run([...release, "--yes"])).stderr, /MIRROR_NEEDED/);
    await world.run(["plan", "delete", "nightly", "--yes"]);
    const { stdout } = await world.run(["mirror", "list"]);
    assert.match(stdout, /^b +nightly +2 .* its plan is deleted/m);
    assert.match(stdout, /mirror release PLAN --site SITE/);
    assert.equal((await world.run([...release, "--wait"], typing("nightly"))).exitCode, 0);
    assert.deepEqual(await groupsAtB(world), []);
  });
});

describe("object delete --restore", () => {
  test("shows what the restore made, asks, and has its site delete it", async () => {
    const world = await withTwo();
    const rebuilt = await world.run(["rebuild", "latest", "--plan", "nightly", "--site", "b", "--wait", "--json"]);
    const { id } = JSON.parse(rebuilt.stdout);
    const command = ["object", "delete", "rebuilt-db", "--site", "b", "--restore", id];
    const dry = await world.run([...command, "--dry-run"]);
    assert.equal(dry.exitCode, 0, dry.stderr);
    assert.match(dry.stdout, /^SITE +KIND +NAME +ID[\s\S]*rebuilt-db[\s\S]*Nothing was deleted\.$/m);
    const { ask, asked } = typing("n");
    assert.equal((await world.run(command, { ask })).stdout.trim(), "Nothing was deleted.");
    assert.match(asked.join(), /^Delete rebuilt-db at b for good\? \[y\/N\] $/);
    assert.equal((await world.run([...command, "--wait"], typing("y"))).exitCode, 0);
    const all = ["object", "delete", "--site", "b", "--restore", id];
    assert.equal((await world.run([...all, "--wait"], typing("y"))).exitCode, 0);
    assert.match((await world.run([...command, "--store", "/s"])).stderr, /--restore/);
  });

  test("without a restore needs a name, and deletes on this host", async () => {
    const world = await withTwo();
    for (const more of [[], ["db", "--wait"]]) {
      const { exitCode, stderr } = await world.run(["object", "delete", ...more, "--site", "b", "--yes"]);
      assert.equal(exitCode, 2);
      assert.match(stderr, /--restore/);
    }
  });
});
