import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gatewayAbsentAfterSeconds } from "../../core/api/site.ts";
import type { RunTask } from "../../core/api/task.ts";
import { objectNamed, reportAlive, siteA, siteB, vmNamed } from "../../functions/api/testing.ts";
import { complete, doTask, groupsOn, progressOf, report, resultOf } from "../../functions/api/testing-gateway.ts";
import { main } from "../main.ts";
import {
  createWorld,
  fakeHost,
  recordingScreen,
  sleptTime,
  type TestWorld,
  tellInventory,
  temporaryFolder,
} from "../testing.ts";

const definition = `
name: nightly
source: a
targets:
  - site: b
    retention: { keepLast: 2 }
objects:
  - { kind: lun, name: db }
schedule: { cycle: daily, at: "01:00", timeZone: Europe/Berlin }
`;

const worldWithPlan = async (t: TestContext) => {
  const world = await createWorld();
  world.objects = [objectNamed("db")];
  const file = join(await temporaryFolder(t), "plan.yaml");
  await writeFile(file, definition);
  const created = await world.run(["plan", "create", "-f", file]);
  assert.equal(created.exitCode, 0, created.stderr);
  return { world, file, created };
};

const jsonOf = async (world: TestWorld, ...args: string[]) => {
  const { exitCode, stdout, stderr } = await world.run([...args, "--json"]);
  assert.deepEqual([exitCode, stderr], [0, ""]);
  return JSON.parse(stdout);
};

/** Every transfer fails for good. */
const linkBreaks = (world: TestWorld) => async (task: RunTask) => {
  if (task.kind !== "transfer") return complete(world.api, task);
  const reason = { code: "PEER_REFUSED", message: "Site b refused the certificate." };
  return report(world.api, task, { kind: "failed", reason, retryable: false, progressed: false });
};

describe("plan", () => {
  test("create finds what was made a moment ago, and tells the plan, its next runs and the first one", async (t) => {
    const { created } = await worldWithPlan(t);
    assert.match(created.stdout, /^nightly {2}active$/m);
    assert.match(created.stdout, /^Targets +b, keeps 2 groups$/m);
    assert.match(created.stdout, /It runs next at\n {2}2026-03-02 01:00:00 Europe\/Berlin\n/);
    assert.match(created.stdout, /The first run sends 1 object, 1 GiB at most, in full to b/);
  });

  test("create says how to see what there is to protect, and how to change a plan that is there", async (t) => {
    const { world, file } = await worldWithPlan(t);
    const taken = await world.run(["plan", "create", "-f", file]);
    assert.match(taken.stderr, /\(PLAN_NAME_TAKEN\)\n {2}hint: .*smtx-backup plan update nightly -f FILE\n/);
    const readInput = async () => definition.replace("nightly", "hourly").replace("name: db", "name: dc");
    const missing = await world.run(["plan", "create", "-f", "-"], { readInput });
    assert.match(missing.stderr, /\(OBJECT_UNKNOWN\)\n {2}hint: .*smtx-backup object list --site a --refresh\n/);
  });

  test("create without a gateway warns, and goes by what the API knows", async () => {
    const world = await createWorld();
    const { exitCode, stderr } = await world.run(["plan", "create", "-f", "-"], {
      readInput: async () => definition,
      time: sleptTime(),
    });
    assert.match(stderr, /^warning: No gateway of site “a” has told/);
    assert.match(stderr, /\nerror: .+\n {2}hint: /);
    assert.equal(exitCode, 3);
  });

  test("list, show, suspend, resume, update and delete take its name or its id", async (t) => {
    const { world, file } = await worldWithPlan(t);
    const { items } = await jsonOf(world, "plan", "list");
    assert.equal(items.length, 1);
    const { id } = items[0];
    assert.deepEqual(await jsonOf(world, "plan", "show", id), await jsonOf(world, "plan", "show", "nightly"));
    assert.equal((await jsonOf(world, "plan", "suspend", id)).status, "suspended");
    assert.match((await world.run(["plan", "list"])).stdout, /^NAME .*\nnightly {2}suspended {2}backup/);
    assert.equal((await jsonOf(world, "plan", "resume", "nightly")).status, "active");
    await writeFile(file, definition.replace("nightly", "renamed"));
    assert.equal((await jsonOf(world, "plan", "update", "nightly", "-f", file)).plan.name, "renamed");
    await writeFile(file, definition.replace("nightly", "renamed").replace("keepLast: 2", "keepLast: 9"));
    assert.equal((await jsonOf(world, "plan", "update", "-f", file)).plan.targets[0].retention.keepLast, 9);
    assert.deepEqual(await jsonOf(world, "plan", "delete", "renamed", "--yes"), { deleted: id });
    assert.equal((await jsonOf(world, "plan", "show", "renamed")).status, "deleted");
    const again = await world.run(["plan", "delete", "renamed", "--yes"]);
    assert.equal(again.exitCode, 3);
    assert.match(again.stderr, /“renamed” is deleted already\. \(PLAN_UNKNOWN\)\n {2}hint: /);
    const typo = await world.run(["plan", "show", "rename"]);
    assert.equal(typo.exitCode, 3);
    assert.match(typo.stderr, /no plan “rename”\. \(PLAN_UNKNOWN\)\n {2}hint: /);
  });

  test("resume says when it runs next, and suspend and resume say where there was nothing to change", async (t) => {
    const { world } = await worldWithPlan(t);
    const next = /\n\nIt runs next at\n {2}2026-03-02 01:00:00 Europe\/Berlin\n$/;
    const nothing = /\n\nIt was not suspended: nothing has changed\.\n/;
    const idle = (await world.run(["plan", "resume", "nightly"])).stdout;
    assert.match(idle, nothing);
    assert.match(idle, next);
    assert.doesNotMatch((await world.run(["plan", "suspend", "nightly"])).stdout, /already/);
    assert.match((await world.run(["plan", "suspend", "nightly"])).stdout, /\n\nIt was suspended already: nothing has/);
    const resumed = (await world.run(["plan", "resume", "nightly"])).stdout;
    assert.doesNotMatch(resumed, nothing);
    assert.match(resumed, next);
    const { token } = await jsonOf(world, "token", "create", "ops", "--scope", "operate");
    const operated = await world.run(["plan", "resume", "nightly"], {
      env: { SMTX_BACKUP_URL: "https://api.test", SMTX_BACKUP_TOKEN: token },
    });
    assert.equal(operated.exitCode, 0, operated.stderr);
  });

  test("delete asks a person; without a yes nothing is deleted, and without a person it is refused", async (t) => {
    const { world } = await worldWithPlan(t);
    const asked: string[] = [];
    const deleting = (answer: string | undefined) =>
      world.run(["plan", "delete", "nightly"], {
        ask: async (question) => {
          asked.push(question);
          return answer;
        },
      });
    const no = await deleting("n");
    assert.deepEqual([no.exitCode, no.stdout, no.stderr], [1, "Nothing was deleted.\n", ""]);
    assert.match(
      asked[0] ?? "",
      /^Delete the plan nightly \(plan_\w+\) for good\? Its runs are cancelled; .* \[y\/N\] $/,
    );
    const nobody = await deleting(undefined);
    assert.equal(nobody.exitCode, 2);
    assert.match(nobody.stderr, /--yes/);
    assert.equal((await jsonOf(world, "plan", "list")).items.length, 1);
    assert.match((await deleting("yes")).stdout, /^The plan nightly is deleted\./);
    assert.equal((await jsonOf(world, "plan", "list")).items.length, 0);
  });

  test("preview tells the next runs, and of every group whether it is kept and why", async (t) => {
    const { world } = await worldWithPlan(t);
    for (let n = 0; n < 2; n += 1) await world.run(["plan", "run", "nightly", "--wait"]);
    const { stdout } = await world.run(["plan", "preview", "nightly", "--count", "1", "--keep-last", "1"]);
    assert.match(stdout, /^It runs next at\n {2}2026-03-02 01:00:00 Europe\/Berlin\n\n/);
    assert.match(stdout, /On site b\nTAKEN .*\n.* {2}keep +the newest.*\n.* {2}delete +not among the newest 1/);
  });
});

describe("plan run --wait", () => {
  test("tells how far it is and what it came to, and ends with 0 when it has succeeded", async (t) => {
    const { world } = await worldWithPlan(t);
    const { exitCode, stdout, stderr } = await world.run(["plan", "run", "nightly", "--wait"]);
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.match(stdout, /^b: snapshotting$/m);
    assert.match(stdout, /^TARGET +STATE +EXTENTS +UNCHANGED +HOLES +CHANGED +SENT +RATIO +DURATION$/m);
    assert.match(stdout, /^b +succeeded +4 +0 +1 +2 KiB +1000 B +2\.0× /m);
    assert.match(stdout, /first backup$/m);
  });

  test("ends with 1 when the run has failed, and says why", async (t) => {
    const { world } = await worldWithPlan(t);
    world.perform = linkBreaks(world);
    const { exitCode, stdout } = await world.run(["plan", "run", "nightly", "--wait"]);
    assert.equal(exitCode, 1);
    assert.match(stdout, /_\d+T\d+Z {2}failed$/m);
    assert.match(stdout, /^b: Site b refused the certificate\. \(PEER_REFUSED\)$/m);
  });

  test("gives a script the run as it ended, and nothing else", async (t) => {
    const { world } = await worldWithPlan(t);
    const run = await jsonOf(world, "plan", "run", "nightly", "--wait");
    assert.equal(run.status, "succeeded");
    assert.equal(run.targets[0].progress.bytesSent, 1000);
  });

  test("leaves the run going on Ctrl-C, and says so", async (t) => {
    const { world } = await worldWithPlan(t);
    const stdout = recordingScreen(false);
    const host = fakeHost({ ...world.host(), stdout });
    let sleeps = 0;
    const time = sleptTime(async () => {
      sleeps += 1;
      if (sleeps === 3) host.stop();
    });
    const exitCode = await main(["plan", "run", "nightly", "--wait"], { ...host, time });
    assert.equal(exitCode, 130);
    assert.match(stdout.text, /The run goes on without you\. .*smtx-backup run show run_\w+ --watch/);
    const { items } = await jsonOf(world, "run", "list", "--plan", "nightly");
    assert.equal(items[0].status, "running");
  });

  test("tells whoever interrupts the asking that there may be a run, and where to look", async (t) => {
    const { world } = await worldWithPlan(t);
    const stderr = recordingScreen(false);
    const host = fakeHost({ ...world.host(), stderr });
    const interruptedFetch: typeof fetch = async (...request) => {
      await world.host().fetch(...request);
      host.stop();
      host.signal.throwIfAborted();
      return new Response();
    };
    const exitCode = await main(["plan", "run", "nightly", "--wait"], { ...host, fetch: interruptedFetch });
    assert.equal(exitCode, 130);
    assert.match(
      stderr.text,
      /^warning: The run may have been asked for .*: smtx-backup run list --plan nightly\nerror: /,
    );
  });

  test("bears with an API that is away for a while, and gives up on one that stays away", async (t) => {
    const { world } = await worldWithPlan(t);
    const host = world.host();
    let asked = 0;
    const away = (from: number, to: number): typeof fetch => {
      asked = 0;
      return async (...request) => {
        asked += 1;
        if (asked > from && asked <= to) throw new TypeError("fetch failed");
        return host.fetch(...request);
      };
    };
    assert.equal((await world.run(["plan", "run", "nightly", "--wait"], { fetch: away(2, 8) })).exitCode, 0);
    const given = await world.run(["plan", "run", "nightly", "--wait"], { fetch: away(2, 1e6), time: sleptTime() });
    assert.equal(given.exitCode, 5);
    assert.ok(asked < 60);
    const id = "run_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z";
    assert.equal((await world.run(["run", "show", id, "--watch"], { fetch: away(0, 1e6) })).exitCode, 5);
    assert.equal(asked, 1);
  });

  test("on a terminal draws a bar in place, with rate and time left", async (t) => {
    const { world } = await worldWithPlan(t);
    let sent = 0;
    let transfer: RunTask | undefined;
    world.perform = async (task) => {
      if (task.kind === "transfer") transfer = task;
      else await complete(world.api, task);
    };
    const stdout = recordingScreen(true);
    const host = fakeHost({ ...world.host(), stdout });
    const time = sleptTime(async () => {
      await world.work();
      if (transfer === undefined || sent >= 3 * 2 ** 26) return;
      sent += 2 ** 26;
      // What comes more often than deadlines have to be moved is not written down.
      world.api.pass(30);
      for (const site of [siteA, siteB]) await reportAlive(world.api, site);
      const work = { bytesToDo: 2 ** 29, bytesDone: sent };
      const rate = { doneBytesPerSecond: 2 ** 23, sentBytesPerSecond: 2 ** 22 };
      await report(world.api, transfer, {
        kind: "working",
        progress: { ...progressOf("sending", sent), ...work, rate },
      });
      if (sent === 3 * 2 ** 26) await complete(world.api, transfer);
    });
    assert.equal(await main(["plan", "run", "nightly", "--wait"], { ...host, time }), 0);
    assert.ok(stdout.text.includes("\u001b[3F\u001b[0J"));
    assert.match(
      stdout.text,
      /transferring\S* {2}\S*█+░+\S* +25% {2}4 MiB\/s {2}48 s left {2}128 MiB sent\n.*sending db/,
    );
    assert.match(stdout.text, /0J\S*run_\S+ {2}\S*succeeded\S*\n\S*TARGET/);
  });
});

describe("run", () => {
  test("list shows runs, the newest first, and show one of them with its group", async (t) => {
    const { world } = await worldWithPlan(t);
    const { id, groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const { stdout } = await world.run(["run", "list", "--plan", "nightly"]);
    assert.match(stdout, new RegExp(`^PLAN +SLOT .*\nnightly .* succeeded +backup .* b succeeded +${id}\n$`));
    assert.match((await world.run(["run", "show", id])).stdout, new RegExp(`^Group +${groupId}$`, "m"));
  });

  test("list says when there are more than it shows, and only then", async (t) => {
    const { world } = await worldWithPlan(t);
    for (let n = 0; n < 2; n += 1) await world.run(["plan", "run", "nightly", "--wait"]);
    const list = (limit: number) => ["run", "list", "--plan", "nightly", "--limit", String(limit)];
    assert.match((await world.run(list(1))).stdout, /\nThere are more than these 1\. To see them: --limit N\n$/);
    assert.doesNotMatch((await world.run(list(2))).stdout, /more/);
    const [cut, whole] = [await jsonOf(world, ...list(1)), await jsonOf(world, ...list(2))];
    assert.deepEqual([cut.items.length, cut.more, whole.items.length, whole.more], [1, true, 2, false]);
  });

  test("cancel ends a run, and show --watch of it ends with 1", async (t) => {
    const { world } = await worldWithPlan(t);
    const { id } = await jsonOf(world, "plan", "run", "nightly");
    assert.equal((await jsonOf(world, "run", "cancel", id)).status, "cancelled");
    assert.equal((await world.run(["run", "show", id, "--watch"])).exitCode, 1);
  });

  test("show of one that there is not ends with 3", async () => {
    const world = await createWorld();
    const id = "run_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z";
    assert.equal((await world.run(["run", "show", id])).exitCode, 3);
  });
});

describe("what is to be known of a run", () => {
  const gone = { kind: "lun", id: "lun-old", name: "old", named: true, lastSequence: 1 };
  const unconnected = { code: "SWITCH_UNMAPPED", message: "A NIC is not connected." };
  const leftOut = [{ what: "CD-ROM tools.iso", reason: "it is no data of the VM's" }];

  /** Gateways that miss an object, leave something out, and can't connect a NIC. */
  const warning = (world: TestWorld) => async (task: RunTask) => {
    const groups = groupsOn(world.api, task.siteId);
    doTask(groups, task);
    const result = resultOf(task, world.api.deps.clock.now(), groups);
    const told = {
      ...result,
      ...(result.kind === "snapshot" && {
        objects: result.objects.map(({ config, ...rest }) => ({ ...rest, config: { ...config, leftOut } })),
        gone: [gone],
      }),
      ...(result.kind === "prepare" && { warnings: [unconnected] }),
    };
    return report(world.api, task, { kind: "completed", result: told });
  };

  test("is told once when it has ended, with its objects and what is left out of them; it ends with 0", async (t) => {
    const { world } = await worldWithPlan(t);
    world.perform = warning(world);
    const waited = await world.run(["plan", "run", "nightly", "--wait"]);
    assert.equal(waited.exitCode, 0);
    assert.match(waited.stdout, /\nb: .*; with a warning\n/);
    for (const text of [
      /warning: The lun “old” .*\(OBJECT_GONE\)/g,
      /warning: A NIC is not connected\. \(SWITCH_UNM/g,
    ]) {
      assert.equal(waited.stdout.match(text)?.length, 1, waited.stdout);
    }
    const { items } = await jsonOf(world, "run", "list", "--plan", "nightly");
    const { stdout } = await world.run(["run", "show", items[0].id]);
    assert.match(stdout, /\nKIND +NAME +VOLUMES +WHY +AT B\nlun +db +1 +it is named +done, 1000 B sent\n/);
    assert.match(stdout, /\nLeft out of backups:\n {2}lun db: CD-ROM tools\.iso, it is no data of the VM's\n/);
    const { objects, warnings } = await jsonOf(world, "run", "show", items[0].id);
    assert.deepEqual([objects[0].leftOut, warnings.length], [leftOut, 2]);
  });

  test("is kept with its restore point: group list counts it, and group show tells it", async (t) => {
    const { world } = await worldWithPlan(t);
    world.perform = warning(world);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const listed = await world.run(["group", "list", "--plan", "nightly", "--site", "b"]);
    assert.match(listed.stdout, / published, 2 warnings +group_.*\nWarnings say .*smtx-backup group show GROUP\n$/);
    const { stdout } = await world.run(["group", "show", groupId, "--site", "b"]);
    assert.match(stdout, /\nPlan +nightly \(plan_\w+\)\n/);
    assert.match(stdout, /\nObjects +1 object/);
    assert.match(stdout, /\nwarning: b: A NIC is not connected\. \(SWITCH_UNMAPPED\)\n/);
    assert.match(stdout, /\nlun +db +1 +it is named +/);
    const other = groupId.replace("_2026", "_2025");
    const unknown = await world.run(["group", "show", other]);
    assert.equal(unknown.exitCode, 3);
    assert.match(unknown.stderr, /\(GROUP_UNKNOWN\)\n {2}hint: .*smtx-backup group list --plan plan_\w+\n/);
  });

  test("of a plan is another object of the name of what is gone: the run and plan show tell how to take it", async (t) => {
    const { world, file } = await worldWithPlan(t);
    await world.run(["plan", "run", "nightly", "--wait"]);
    world.objects = [objectNamed("db", { id: "lun-anew" })];
    await world.run(["object", "list", "--site", "a", "--refresh"]);
    const another =
      /there is another lun “?db”? now \(lun-anew\), which the plan does not take; .*: smtx-backup plan update nightly -f FILE/i;
    assert.match((await world.run(["plan", "show", "nightly"])).stdout, another);
    world.perform = async (task) => {
      const result = { ...resultOf(task, world.api.deps.clock.now(), groupsOn(world.api, task.siteId)) };
      const db = { kind: "lun", id: "lun-db", name: "db", named: true, lastSequence: 1 };
      const told =
        result.kind === "snapshot"
          ? { ...result, objects: [{ config: objectNamed("else"), snapshotIds: ["s"] }], gone: [db] }
          : result;
      return report(world.api, task, { kind: "completed", result: told });
    };
    assert.match((await world.run(["plan", "run", "nightly", "--wait"])).stdout, another);
    assert.match((await world.run(["plan", "show", "nightly"])).stdout, another);
    await world.run(["plan", "update", "-f", file]);
    const { objects } = await jsonOf(world, "plan", "show", "nightly");
    assert.deepEqual(objects, [{ kind: "lun", id: "lun-anew", name: "db" }]);
  });

  test("of a plan is that a rule fits nothing but mirrors: told when it is made, and by plan show", async (t) => {
    const world = await createWorld();
    const origin = { planId: "plan_x", siteId: "b", role: "mirror" };
    world.objects = [objectNamed("web-1", { origin }), objectNamed("web-2", { origin })];
    const file = join(await temporaryFolder(t), "plan.yaml");
    await writeFile(file, definition.replace("name: db", 'match: "web-*"'));
    const only =
      /\nNothing fits these rules now:\n {2}lun web-\*: 2 luns would fit, but are mirrors, which no plan takes\n/;
    const created = await world.run(["plan", "create", "-f", file]);
    assert.equal(created.exitCode, 0, created.stderr);
    assert.match(created.stdout, only);
    assert.match((await world.run(["plan", "show", "nightly"])).stdout, only);
  });

  test("of a plan is a switch that nothing takes the place of: plan show tells it before the run does", async (t) => {
    const { world, file } = await worldWithPlan(t);
    await writeFile(file, definition.replace("kind: lun, name: db", 'kind: vm, match: "*"'));
    await world.run(["plan", "update", "-f", file]);
    world.objects = [vmNamed("web")];
    await world.run(["object", "list", "--site", "a", "--refresh"]);
    const { stdout } = await world.run(["plan", "show", "nightly"]);
    assert.match(stdout, /\nMirrors without a connection, .*\n {2}vm web: .* its virtual switch vds-0 at b\n/);
  });

  test("of a plan is what is gone: plan show says since when, and how long its restore points are kept", async (t) => {
    const { world } = await worldWithPlan(t);
    await world.run(["plan", "run", "nightly", "--wait"]);
    world.objects = [];
    world.perform = async (task) => {
      const result = { ...resultOf(task, world.api.deps.clock.now(), groupsOn(world.api, task.siteId)) };
      const db = { kind: "lun", id: "lun-db", name: "db", named: true, lastSequence: 1 };
      const told =
        result.kind === "snapshot"
          ? { ...result, objects: [{ config: objectNamed("else"), snapshotIds: ["s"] }], gone: [db] }
          : result;
      return report(world.api, task, { kind: "completed", result: told });
    };
    await world.run(["plan", "run", "nightly", "--wait"]);
    await world.run(["object", "list", "--site", "a", "--refresh"]);
    const { stdout } = await world.run(["plan", "show", "nightly"]);
    assert.match(
      stdout,
      /\nIts next run finds no object\.\n\nGone from the source:\n {2}lun db \(lun-db\), since 2026-.* kept until it is taken out of the plan\n$/,
    );
  });
});

describe("group and rebuild", () => {
  test("a restore point is listed, and rebuilt under another name", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const { stdout } = await world.run(["group", "list", "--plan", "nightly", "--site", "b"]);
    assert.match(
      stdout,
      new RegExp(`^PLAN +SITE .*\nnightly +b .* restore point +1 +2 KiB +768 MiB +2 GiB +published +${groupId}\n$`),
    );
    const names: (string | boolean | undefined)[] = [];
    world.perform = async (task) => {
      if (task.kind === "rebuild") names.push(task.name, task.evenDamaged);
      return complete(world.api, task);
    };
    const rebuilt = await jsonOf(world, "rebuild", groupId, "--site", "b", "--prefix", "again-", "--wait");
    assert.equal(rebuilt.status, "succeeded");
    assert.deepEqual(names, ["again-db", undefined]);
    await jsonOf(world, "rebuild", groupId, "--site", "b", "--damaged", "--wait");
    assert.deepEqual(names.slice(2), ["rebuilt-db", true]);
  });

  test("what is wished for of a rebuild reaches the site, and what is no pair of names is bad usage", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const told: object[] = [];
    world.perform = async (task) => {
      if (task.kind === "rebuild") told.push({ name: task.name, wishes: task.wishes });
      return complete(world.api, task);
    };
    const rebuild = (...args: readonly string[]) => world.run(["rebuild", groupId, "--site", "b", "--wait", ...args]);
    for (const args of [
      ["--name", "mail", "--object", "db", "--pool", "default", "--disconnect-nics", "--keep-macs", "--power-on"],
      ["--rename", "db=post=office"],
    ]) {
      const { exitCode, stderr } = await rebuild(...args);
      assert.equal(exitCode, 0, stderr);
    }
    const wishes = { pool: "default", disconnectNics: true, keepMacs: true, powerOn: true };
    assert.deepEqual(told, [
      { name: "mail", wishes },
      { name: "post=office", wishes: undefined },
    ]);
    for (const args of [
      ["--rename", "db"],
      ["--rename", "db=one", "db=two"],
      ["--rename", "db=one", "--name", "two"],
      ["--switch", "=lab"],
      ["--switch", "prod=lab", "--disconnect-nics"],
    ]) {
      assert.equal((await rebuild(...args)).exitCode, 2, args.join(" "));
    }
    assert.equal(told.length, 2);
  });

  test("a rebuild takes no more than the scopes read and restore", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const env = { SMTX_BACKUP_URL: "https://api.test", SMTX_BACKUP_TOKEN: await world.api.token(["read", "restore"]) };
    const { exitCode, stdout, stderr } = await world.run(["rebuild", groupId, "--site", "b", "--wait"], { env });
    assert.deepEqual([exitCode, /succeeded/.test(stdout)], [0, true], stderr);
    assert.match(stderr, /warning: .* lacks the scope operate\. What site “b” has may be known wrongly\./);
  });

  test("a rebuild whose names are taken says how to choose others", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const reason = { code: "VOLUME_NAME_TAKEN", message: "There is a volume named “rebuilt-db” already." };
    world.perform = (task) => report(world.api, task, { kind: "failed", reason, retryable: false, progressed: false });
    const { exitCode, stdout } = await world.run(["rebuild", groupId, "--site", "b", "--wait"]);
    assert.equal(exitCode, 1);
    assert.ok(stdout.includes(`another name: smtx-backup rebuild ${groupId} --site b --prefix TEXT\n`), stdout);
    assert.doesNotMatch(stdout, /object delete/);
  });

  test("names that are taken are told before a run begins, also those of what was made a moment ago", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    world.objects = [...world.objects, objectNamed("rebuilt-db")];
    const { exitCode, stderr } = await world.run(["rebuild", groupId, "--site", "b", "--wait"]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /has objects already .*: lun “rebuilt-db” \(lun-rebuilt-db\)\. Nothing was rebuilt\./);
  });

  test("what was rebuilt is told with its name, its id and what its LUN id became", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    world.perform = (task) => {
      if (task.kind !== "rebuild") return complete(world.api, task);
      const object = { ...objectNamed(task.name), id: "lun-9", lun: { target: "t", lunId: 7 } };
      return report(world.api, task, { kind: "completed", result: { kind: "rebuild", object } });
    };
    const args = ["rebuild", groupId, "--site", "b", "--wait"];
    const { exitCode, stdout } = await world.run(args);
    assert.equal(exitCode, 0);
    assert.match(stdout, /\nlun +db .*rebuilt-db \(LUN 7 of t, the original was 1\) +lun-9\n/);
    const { objects } = await jsonOf(world, ...args);
    const lun = { target: "t", lunId: 7, lunIdBefore: 1 };
    assert.deepEqual(objects[0].rebuilt, { id: "lun-9", name: "rebuilt-db", lun });
  });

  test("a rebuild that fails half way names what it has made, and how to delete it", async (t) => {
    const { world, file } = await worldWithPlan(t);
    world.objects = [objectNamed("db"), objectNamed("web")];
    await writeFile(file, definition.replace("name: db }", "name: db }\n  - { kind: lun, name: web }"));
    await world.run(["plan", "update", "-f", file]);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const reason = { code: "POOL_FULL", message: "The pool is full." };
    world.perform = (task) =>
      task.kind === "rebuild" && task.name === "rebuilt-web"
        ? report(world.api, task, { kind: "failed", reason, retryable: false, progressed: false })
        : complete(world.api, task);
    const { exitCode, stdout } = await world.run(["rebuild", groupId, "--site", "b", "--wait"]);
    assert.equal(exitCode, 1);
    assert.match(stdout, /\nlun +db .* done +rebuilt-db .*\nlun +web .* not done +– +–\n/);
    assert.ok(
      stdout.endsWith(
        "\n1 object was rebuilt before that, and will not go by itself. To delete it:\n  smtx-backup object delete lun-db --site b\n",
      ),
      stdout,
    );
  });
});

describe("group list", () => {
  test("marks what is damaged with the object and how much of it, and says what to do", async (t) => {
    const { world } = await worldWithPlan(t);
    const { groupId } = await jsonOf(world, "plan", "run", "nightly", "--wait");
    const damage = ["db", "web", "mail", "files"].map((name, index) => ({
      groupId,
      volumeId: `v${index}`,
      name,
      extents: index + 1,
    }));
    await tellInventory(world.api, siteB, { objects: [], damage });
    const args = ["group", "list", "--plan", "nightly", "--site", "b"];
    const { stdout } = await world.run(args);
    assert.match(stdout, /published, damaged: db \(1 extent\), web \(2 extents\), mail \(3 extents\), 1 more +group_/);
    assert.match(stdout, /the next run of the plan sends it again/);
    const { items } = await jsonOf(world, ...args);
    assert.deepEqual(items[0].damage[1], { name: "web", extents: 2 });
  });
});

describe("site and gateway", () => {
  test("list what there is, with who is alive", async () => {
    const world = await createWorld();
    assert.match((await world.run(["site", "list"])).stdout, /^SITE .*\na +main .*\nb +main /);
    await reportAlive(world.api, "a");
    assert.match((await world.run(["gateway", "list", "--site", "a"])).stdout, /\ngw-1 +alive +127\.0\.0\.1:7000 /);
    world.api.pass(gatewayAbsentAfterSeconds);
    assert.match((await world.run(["gateway", "list", "--site", "a"])).stdout, /\ngw-1 +absent /);
    assert.equal((await world.run(["gateway", "list", "--site", "c"])).exitCode, 3);
  });

  test("limit sets one limit of a site, beside the others, and takes it off again", async () => {
    const world = await createWorld();
    await world.api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const limit = (...args: string[]) => ["site", "limit", "a", "--to", ...args];
    await world.run(limit("b", "--rate", "50MB"));
    const { stdout } = await world.run(limit("c", "--rate", "10MiB"));
    assert.equal(stdout, "a sends to c at 10 MiB/s at most.\n");
    assert.match((await world.run(["site", "list"])).stdout, /\na .* to b 47\.7 MiB\/s, to c 10 MiB\/s\nb .* none\n/);
    const changed = await jsonOf(world, ...limit("b", "--rate", "1GB"));
    assert.deepEqual(changed.limits, [
      { target: "c", bytesPerSecond: 10 * 1024 ** 2 },
      { target: "b", bytesPerSecond: 1e9 },
    ]);
    const { limits, limitsVersion } = await jsonOf(world, ...limit("b", "--rate", "off"));
    assert.deepEqual([limits, limitsVersion], [[{ target: "c", bytesPerSecond: 10 * 1024 ** 2 }], 4]);
    assert.equal((await world.run(limit("b", "--rate", "1KB"))).exitCode, 2);
    assert.equal((await world.run(limit("nowhere", "--rate", "1MB"))).exitCode, 3);
    assert.equal((await world.run(limit("a", "--rate", "1MB"))).exitCode, 2);
  });

  test("a list is read to its end, page by page", async () => {
    const world = await createWorld();
    for (let n = 0; n < 150; n += 1) await world.api.send("POST", "/v1/sites", { id: `s${n}`, multiCluster: "main" });
    assert.equal((await jsonOf(world, "site", "list")).items.length, 152);
  });
});
