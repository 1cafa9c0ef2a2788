import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunTask } from "../../core/api/task.ts";
import { objectNamed, siteB } from "../../functions/api/testing.ts";
import { complete, report } from "../../functions/api/testing-gateway.ts";
import { createWorld, type TestWorld, tellInventory } from "../testing.ts";

const day = 24 * 60 * 60;

const createPlan = async (world: TestWorld, name: string) => {
  const definition = {
    name,
    source: "a",
    targets: [{ site: "b", retention: { keepLast: 5 } }],
    objects: [
      { kind: "lun", name: "db" },
      { kind: "lun", name: "web" },
    ],
  };
  const readInput = async () => JSON.stringify(definition);
  const { exitCode, stderr } = await world.run(["plan", "create", "-f", "-"], { readInput });
  assert.equal(exitCode, 0, stderr);
};

const jsonOf = async (world: TestWorld, ...args: string[]) => {
  const { exitCode, stdout, stderr } = await world.run([...args, "--json"]);
  assert.deepEqual([exitCode, stderr], [0, ""]);
  return JSON.parse(stdout);
};

/** Two plans that have run, a day apart, the first of which was deleted then. */
const world = async () => {
  const made = await createWorld();
  made.objects = [objectNamed("db"), objectNamed("web")];
  for (const name of ["old", "new"]) {
    await createPlan(made, name);
    made.api.pass(day);
    await made.run(["plan", "run", name, "--wait"]);
  }
  await made.run(["plan", "delete", "old", "--yes"]);
  return made;
};

describe("run list without a plan", () => {
  test("shows the newest of all plans first, with their names and what was sent, of the last 24 hours unless told", async () => {
    const here = await world();
    const { stdout } = await here.run(["run", "list"]);
    assert.match(
      stdout,
      /^PLAN .* SENT .*\nnew .* succeeded +backup .* 2 KiB +b succeeded +run_\w+\nOf the last 24h\. .*--since 7d/,
    );
    const { items } = await jsonOf(here, "run", "list", "--since", "7d");
    assert.deepEqual(
      items.map(({ planName }: { planName: string }) => planName),
      ["new", "old"],
    );
    assert.equal((await jsonOf(here, "run", "list", "--since", "7d", "--limit", "1")).more, true);
  });

  test("takes a time as it is printed", async () => {
    const here = await world();
    const { items } = await jsonOf(here, "run", "list", "--since", "2026-03-03 00:00:00 UTC");
    assert.deepEqual(
      items.map(({ planName }: { planName: string }) => planName),
      ["new"],
    );
  });

  test("says with --json since when it has runs, as those before are not counted in more", async () => {
    const here = await world();
    const sinceOf = async (...args: string[]) => {
      const { more, since } = await jsonOf(here, "run", "list", ...args);
      return [more, since];
    };
    assert.deepEqual(await sinceOf(), [false, "24h"]);
    assert.deepEqual(await sinceOf("--since", "7d"), [false, "7d"]);
    assert.deepEqual(await sinceOf("--plan", "new"), [false, undefined]);
  });

  test("takes the name of a deleted plan, and no typo in any name or time", async () => {
    const here = await world();
    assert.equal((await jsonOf(here, "run", "list", "--plan", "old")).items.length, 1);
    for (const list of ["run", "group"]) {
      for (const [args, exitCode, code] of [
        [["--plan", "odl"], 3, "PLAN_UNKNOWN"],
        [["--site", "bb"], 3, "SITE_UNKNOWN"],
        [["--since", "1y"], 2, "BAD_REQUEST"],
      ] as const) {
        const wrong = await here.run([list, "list", ...args]);
        assert.equal(wrong.exitCode, exitCode, wrong.stderr);
        assert.match(wrong.stderr, new RegExp(`\\(${code}\\)\n  hint: `));
      }
    }
  });

  test("says that there was none, and whether that is so for these filters alone, as group list does", async () => {
    const nothing = await createWorld();
    assert.match((await nothing.run(["run", "list"])).stdout, /^No runs in the last 24h\.\n/);
    assert.equal((await nothing.run(["group", "list"])).stdout, "No snapshot groups yet.\n");
    const here = await world();
    here.api.pass(day);
    assert.equal((await here.run(["run", "list", "--since", "1h"])).stdout, "No runs fit these filters.\n");
    assert.equal(
      (await here.run(["group", "list", "--since", "1h"])).stdout,
      "No snapshot groups fit these filters.\n",
    );
  });
});

describe("group list without a plan", () => {
  test("shows what a site has of all plans, with their names and what is in it", async () => {
    const here = await world();
    const { stdout } = await here.run(["group", "list", "--site", "b"]);
    assert.match(
      stdout,
      /^PLAN .* CHANGED +DATA +SIZE .*\nnew +b .* 2 +3\.9 KiB +1\.5 GiB +2 GiB +published .*\nold \(deleted\) +b /,
    );
    const { items } = await jsonOf(here, "group", "list", "--site", "b", "--since", "12h");
    assert.deepEqual(
      items.map(({ planName }: { planName: string }) => planName),
      ["new"],
    );
  });

  test("has the sites of a plan in the order of their names, and at each the newest first", async () => {
    const here = await world();
    await here.run(["plan", "run", "new", "--wait"]);
    const { items } = await jsonOf(here, "group", "list", "--plan", "new");
    assert.deepEqual(
      items.map(({ siteId, sequence }: { siteId: string; sequence: number }) => `${siteId} ${sequence}`),
      ["a 2", "b 2", "b 1"],
    );
  });

  test("tells of a deleted plan that had the name before, and so does `latest`", async () => {
    const here = await world();
    const { planId } = (await jsonOf(here, "group", "list", "--plan", "old")).items[0];
    assert.match((await here.run(["group", "list", "--plan", "old"])).stdout, /\nold \(deleted\) +a /);
    const [run] = (await jsonOf(here, "run", "list", "--plan", "old")).items;
    assert.match((await here.run(["run", "show", run.id])).stdout, /\nPlan +old \(deleted\)\n/);
    await createPlan(here, "old");
    const see = `A deleted plan of that name, ${planId}, has groups, too: smtx-backup group list --plan ${planId}`;
    assert.equal((await here.run(["group", "list", "--plan", "old"])).stdout, `No snapshot groups yet.\n${see}\n`);
    const { exitCode, stderr } = await here.run(["rebuild", "latest", "--plan", "old", "--site", "b"]);
    assert.equal(exitCode, 3);
    assert.match(
      stderr,
      new RegExp(`\n {2}hint: A deleted plan of that name, ${planId}, .* --plan ${planId} --site b\n`),
    );
  });
});

describe("a deleted plan", () => {
  test("is told to be deleted by plan show and plan preview, which promise no run", async () => {
    const here = await world();
    const shown = await here.run(["plan", "show", "old"]);
    assert.match(shown.stdout, /^old {2}deleted\n/);
    assert.match(shown.stdout, /\nSchedule +none: it is deleted\n/);
    assert.match(shown.stdout, /\n\nIt is deleted: .* smtx-backup group list --plan plan_\w+\n$/);
    assert.doesNotMatch(shown.stdout, /next run/);
    const previewed = await here.run(["plan", "preview", "old"]);
    assert.match(previewed.stdout, /^It is deleted: it does not run any more\.\n\n/);
  });
});

describe("plan list", () => {
  test("says what the last run of each plan came to", async () => {
    const here = await world();
    assert.match((await here.run(["plan", "list"])).stdout, /^NAME .* LAST RUN .*\nnew .* succeeded 2026-03-03 /);
    await createPlan(here, "never");
    assert.match((await here.run(["plan", "list"])).stdout, /\nnever .* 2 +– +none/);
  });

  test("counts the entries of a plan, not the objects that its rules may stand for, and says so", async () => {
    const here = await world();
    assert.match((await here.run(["plan", "list"])).stdout, /^NAME .* TARGETS +ENTRIES .*\nnew .* b +2 +succeeded/);
  });
});

describe("latest", () => {
  test("stands for a plan's newest restore point at a site in rebuild and group show", async () => {
    const here = await world();
    const [group] = (await jsonOf(here, "group", "list", "--plan", "old", "--site", "b")).items;
    const shown = await jsonOf(here, "group", "show", "latest", "--plan", "old", "--site", "b");
    assert.equal(shown.id, group.id);
    const run = await jsonOf(here, "rebuild", "latest", "--plan", "old", "--site", "b", "--wait");
    assert.deepEqual([run.status, run.restore.fromGroupId], ["succeeded", group.id]);
  });

  test("without a plan and a site, or beside an id, is bad usage, in volume export as well", async () => {
    const here = await world();
    const [{ id }] = (await jsonOf(here, "group", "list", "--plan", "new", "--site", "b")).items;
    const exporting = ["volume", "export", "db", "--site", "b", "-o", "/nowhere/file"];
    for (const args of [
      ["rebuild", "latest", "--site", "b"],
      ["rebuild", id, "--site", "b", "--plan", "new"],
      ["group", "show", "latest", "--plan", "new"],
      ["group", "show", id, "--plan", "new"],
      [...exporting, "--group", "latest"],
      [...exporting, "--group", id, "--plan", "new"],
      [...exporting, "--plan", "new"],
      [...exporting, "--group", "newest"],
    ]) {
      const { exitCode, stderr } = await here.run(args);
      assert.equal(exitCode, 2, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, /\(BAD_REQUEST\)\n {2}hint: /);
    }
    const clone = await here.run(["clone", "latest", "--plan", "new", "--to", "c"]);
    assert.match(clone.stderr, /hint: Give both: latest --plan PLAN --from SITE/);
    const typo = await here.run(["group", "show", "lates", "--plan", "new", "--site", "b"]);
    assert.match(typo.stderr, /“lates” can't be the group: a group's id, such as group_\w+, or latest \(BAD_REQUEST\)/);
    const none = await here.run(["rebuild", "latest", "--plan", "new", "--site", "c"]);
    assert.match(none.stderr, /\(SITE_UNKNOWN\)/);
  });

  test("of a plan that has no restore point there is told, and what to look at", async () => {
    const here = await world();
    await createPlan(here, "never");
    const { exitCode, stderr } = await here.run(["rebuild", "latest", "--plan", "never", "--site", "b"]);
    assert.equal(exitCode, 3);
    assert.match(stderr, /\(GROUP_UNKNOWN\)\n {2}hint: .*smtx-backup group list --plan never\n$/);
  });
});

describe("rebuild --object", () => {
  const latest = ["latest", "--plan", "new", "--site", "b"];

  test("rebuilds that object alone, and a second time under another prefix", async () => {
    const here = await world();
    const names: string[] = [];
    here.perform = async (task: RunTask) => {
      if (task.kind === "rebuild") names.push(task.name);
      return complete(here.api, task);
    };
    const run = await jsonOf(here, "rebuild", ...latest, "--object", "web", "--wait");
    assert.deepEqual([run.status, run.objectCount], ["succeeded", 1]);
    await jsonOf(here, "rebuild", ...latest, "--object", "lun-web", "--prefix", "again-", "--wait");
    assert.deepEqual(names, ["rebuilt-web", "again-web"]);
    const both = await jsonOf(here, "rebuild", ...latest, "--object", "web", "db", "--prefix", "3-", "--wait");
    assert.equal(both.objectCount, 2);
  });

  test("says how to choose another name where the name is taken, for what was chosen", async () => {
    const here = await world();
    const reason = { code: "OBJECT_NAME_TAKEN", message: "There is a LUN named “rebuilt-web” already." };
    here.perform = (task) => report(here.api, task, { kind: "failed", reason, retryable: false, progressed: false });
    const { exitCode, stdout } = await here.run(["rebuild", ...latest, "--object", "web", "--wait"]);
    assert.equal(exitCode, 1);
    assert.match(stdout, /another name: smtx-backup rebuild group_\w+ --site b --object NAME --prefix TEXT\n/);
  });

  test("of an object that the group does not have says what it has", async () => {
    const here = await world();
    const { exitCode, stderr } = await here.run(["rebuild", ...latest, "--object", "mail"]);
    assert.equal(exitCode, 3);
    assert.match(stderr, /has no object “mail”\. \(OBJECT_UNKNOWN\)\n {2}hint: .*smtx-backup group show group_/);
  });
});

test("a restore point in which damage was found is marked in the list of a site", async () => {
  const here = await world();
  const [{ id }] = (await jsonOf(here, "group", "list", "--plan", "old", "--site", "b")).items;
  const damage = [{ groupId: id, volumeId: "v", name: "db", extents: 1 }];
  await tellInventory(here.api, siteB, { objects: [], damage });
  assert.match((await here.run(["group", "list", "--site", "b"])).stdout, /\nold .* damaged: db \(1 extent\)/);
});
