import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { z } from "zod";
import type { groupLineDocument } from "../../cli/json/group.ts";
import type { runLineDocument } from "../../cli/json/run.ts";
import type { StatusAnswer, TargetHealth } from "../../core/api/status.ts";
import { until } from "../patience.ts";
import { Admin, ofSchema } from "./admin.ts";

const mib = 1024 * 1024;
const hourMs = 3_600_000;
/**
 * Hours before the afternoon. Certificates begin in the evening, so the clock
 * walks from there to now.
 */
const [evening, night, morning, afternoon] = [-4, -3, -1, 0].map((hours) => hours * hourMs) as [
  number,
  number,
  number,
  number,
];
/**
 * Half an hour from when the test runs: between two of its times there is a slot, and none
 * comes while it looks.
 */
const slotMinute = (new Date().getUTCMinutes() + 30) % 60;
const hourly = { cycle: "hourly", minute: slotMinute };
/** No slot of it comes between the evening and now. */
const daily = { cycle: "daily", at: `${String((new Date().getUTCHours() + 12) % 24).padStart(2, "0")}:00` };

/** What the commands print, as far as it is looked at. */
type Status = StatusAnswer & { readonly summary: Readonly<Record<TargetHealth, number>> };
type RunLine = z.infer<typeof runLineDocument>;
type GroupLine = z.infer<typeof groupLineDocument>;

describe("the admin's afternoon", { timeout: 1_200_000 }, () => {
  let dir: string;
  let admin: Admin;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-afternoon-"));
    admin = new Admin(join(dir, "data"));
    await makeImage("web1.img", { bytes: mib, size: 512 * mib });
    await makeImage("web2.img", { bytes: 3 * mib, size: 8 * mib });
  });
  after(async () => {
    admin.kill();
    await rm(dir, { recursive: true, force: true });
  });

  const makeImage = async (name: string, { bytes, size }: { bytes: number; size: number }) => {
    const file = await open(join(dir, name), "w");
    await file.write(randomBytes(bytes));
    await file.truncate(size);
    await file.close();
  };
  const write = async (name: string, content: object): Promise<string> => {
    await writeFile(join(dir, name), JSON.stringify(content));
    return join(dir, name);
  };
  const planFile = (name: string, definition: object) =>
    write(`${name}.yaml`, {
      name,
      source: "a",
      targets: [{ site: "b", retention: { keepLast: 7 } }],
      objects: [{ kind: "lun", name: "web1" }],
      ...definition,
    });
  const toBAndC = {
    targets: ["b", "c"].map((site) => ({ site, retention: { keepLast: 7 } })),
    objects: ["web1", "web2"].map((name) => ({ kind: "lun", name })),
    schedule: hourly,
  };
  const createPlan = async (name: string, definition: object) =>
    admin.does("plan", "create", "-f", await planFile(name, definition));

  const statusNow = (...args: readonly string[]) => admin.reads<Status>("status", ...args);
  const targetOf = async (planName: string, site: string) => {
    const { items } = await statusNow("--plan", planName);
    return items[0]?.targets.find((target) => target.site === site) ?? assert.fail(`${planName} has no ${site}`);
  };
  const stateOf = async (planName: string, site: string) => (await targetOf(planName, site)).state;
  const becomes = (planName: string, site: string, state: string) =>
    until(`${planName} at ${site} to be ${state}`, async () => (await stateOf(planName, site)) === state, 200);
  const runsOf = async (...args: readonly string[]) =>
    (await admin.reads<{ items: readonly RunLine[] }>("run list", ...args)).items;
  const groupsOf = async (...args: readonly string[]) =>
    (await admin.reads<{ items: readonly GroupLine[] }>("group list", ...args)).items;

  test("in the evening three sites are up and all plans have run: `status` says well, and ends with 0", async () => {
    admin.clockAheadMs = evening;
    const { stdout } = await admin.up("--sites", "a,b,c");
    assert.match(stdout, /^Sites {3}a, b, c$/m);
    for (const name of ["web1", "web2"]) {
      await admin.does("volume", "import", join(dir, `${name}.img`), "--site", "a", "--name", name);
    }
    await createPlan("hourly", toBAndC);
    await createPlan("nightly", { schedule: daily });
    await createPlan("snap", { targets: [], retention: { keepLast: 3 } });
    await createPlan("idle", toBAndC);
    await admin.does("plan", "suspend", "idle");
    for (const name of ["hourly", "nightly", "snap"]) await admin.does("plan", "run", name, "--wait");
    const status = await admin.types("status");
    assert.deepEqual([status.exitCode, status.stderr], [0, ""]);
    assert.match(status.stdout, /^4 plans at 6 targets: 2 suspended, 4 well\n/);
    assert.match(status.stdout, /^hourly +c +well +\d{4}-.* UTC +[\d.]+ (m?s|min.*) +every hour +succeeded /m);
    assert.match(status.stdout, /^idle +b +suspended +none +– +every hour +–$/m);
  });

  test("`status --json` is of its schema, and says the same", async () => {
    const { exitCode, stdout } = await admin.types("status", "--json");
    assert.equal(exitCode, 0);
    const { items, summary, absentSites } = ofSchema("status", stdout) as Status;
    assert.deepEqual([summary.well, summary.suspended, absentSites], [4, 2, []]);
    assert.deepEqual(
      items.map(({ planName }) => planName),
      ["hourly", "idle", "nightly", "snap"],
    );
  });

  test("a run that fails is failing, with its whole reason and where it is shown, and `status` ends with 1", async () => {
    await admin.does("object", "create", "--site", "b", "-f", await write("pool.yaml", pool));
    const warned = await createPlan("full", {
      targets: [{ site: "b", retention: { keepLast: 7 }, pool: "small" }],
      schedule: hourly,
    });
    assert.match(warned, /warning: .*512 MiB in the pool “small” .*4 MiB free: runs will fail there\. .*\(POOL_FULL\)/);
    assert.equal((await admin.types("plan", "run", "full", "--wait")).exitCode, 1);
    const { exitCode, stdout } = await admin.types("status");
    assert.equal(exitCode, 1);
    assert.match(stdout, /^full +b +failing +none +– +every hour +failed /m);
    assert.match(
      stdout,
      /^full at b: failed: .*Site b: The storage pool “small” .* 508 MiB are missing\. .*\(POOL_FULL\)$/m,
    );
    assert.match(stdout, /^ {2}see: smtx-backup run show run_\w+$/m);
  });

  test("a site that is left out is told at the start; its plan's run waits, and `status` says for which site", async () => {
    admin.clockAheadMs = night;
    const { stderr } = await admin.up("--sites", "a,b");
    assert.match(stderr, /^warning: Not started: c, which the folder has, too\. What needs them waits\.$/m);
    await becomes("hourly", "c", "waiting");
    await becomes("hourly", "b", "well");
    const { exitCode, stdout } = await admin.types("status", "--plan", "hourly");
    assert.equal(exitCode, 0, "it waits, and is neither late nor failing");
    assert.match(
      stdout,
      /^hourly at c: waiting: No gateway of site “c” was heard of .*\n {2}see: smtx-backup run show run_/m,
    );
    assert.match(stdout, /^site c: no gateway was heard of lately, .*\n {2}see: smtx-backup gateway list --site c$/m);
    assert.match(await admin.does("gateway", "list", "--site", "c"), /^c1 +absent /m);
    const { items } = await statusNow();
    const runId = items.find(({ planName }) => planName === "hourly")?.targets.find(({ site }) => site === "c")
      ?.current?.runId;
    assert.match(
      await admin.does("run", "show", runId ?? ""),
      /^c +preparing .*\n.*\n +No gateway of site “c” was heard of/m,
    );
    // What was due while nobody ran comes, and fails.
    await until("the night's run to fail", async () => (await runsOf("--plan", "full")).length === 2);
    await becomes("full", "b", "failing");
  });

  test("after a night of failures `status` says what is late since when, and what failed and why, and ends with 1", async () => {
    admin.clockAheadMs = morning;
    await admin.up("--sites", "a,b");
    await becomes("hourly", "b", "well");
    await until("the morning's run to fail", async () => (await failures("full")) === 3);
    const { exitCode, stdout } = await admin.types("status");
    assert.equal(exitCode, 1);
    assert.match(stdout, /^5 plans at 7 targets: 2 late, 2 suspended, 3 well\n/);
    assert.match(stdout, /^full +b +late, failing +none /m);
    assert.match(stdout, /^full at b: late since .* UTC: there is no restore point yet$/m);
    assert.match(stdout, /^full at b: failed: .*508 MiB are missing\. .*\(POOL_FULL\)$/m);
    assert.match(stdout, /^hourly +c +late +\d{4}-.* UTC +3 h.* every hour /m);
    assert.match(
      stdout,
      /^hourly at c: late since .* UTC: the newest restore point is older than the plan's cycle allows$/m,
    );
    assert.match(stdout, /^hourly at c: waiting: No gateway of site “c” was heard of /m);
    assert.equal((await admin.types("status", "--plan", "hourly")).exitCode, 1);
    assert.equal((await admin.types("status", "--plan", "nightly")).exitCode, 0);
  });

  /** So many runs of a plan have failed. */
  const failures = async (plan: string) =>
    (await runsOf("--plan", plan)).filter((entry) => entry.type === "run" && entry.status === "failed").length;

  test("`local up` without options starts the sites that its folder has: c catches up, and is well", async () => {
    admin.clockAheadMs = afternoon;
    const { stdout, stderr } = await admin.up();
    assert.match(stdout, /^Sites {3}a, b, c$/m);
    assert.equal(stderr, "");
    for (const site of ["c", "b"]) await becomes("hourly", site, "well");
    assert.equal((await admin.types("status", "--plan", "hourly")).exitCode, 0);
  });

  test("a plan is changed by the names of its objects, and is well again", async () => {
    await admin.does("plan", "update", "full", "-f", await planFile("full", { schedule: hourly }));
    await admin.does("plan", "run", "full", "--wait");
    await until("all to be well", async () => {
      const { items } = await statusNow();
      return items.every(
        ({ status, targets }) => status === "suspended" || targets.every(({ state }) => state === "well"),
      );
    });
    const { exitCode, stdout } = await admin.types("status");
    assert.deepEqual([exitCode, stdout.split("\n")[0]], [0, "5 plans at 7 targets: 2 suspended, 5 well"]);
  });

  test("a lowered retention says how many restore points the next run deletes", async () => {
    const there = (await groupsOf("--plan", "hourly", "--site", "b")).length;
    const lowered = { ...toBAndC, targets: toBAndC.targets.map(({ site }) => ({ site, retention: { keepLast: 1 } })) };
    const file = await planFile("hourly", lowered);
    const told = await admin.does("plan", "update", "hourly", "-f", file);
    assert.match(told, new RegExp(`warning: .*\\b${there}\\b.*“?b`));
    await admin.does("plan", "update", "hourly", "-f", await planFile("hourly", toBAndC));
  });

  test("runs and groups of all plans are listed with names and real sizes, also of a site, and since a time", async () => {
    const runs = await admin.does("run", "list");
    for (const name of ["full", "hourly", "idle", "nightly", "snap"]) assert.match(runs, new RegExp(`^${name} `, "m"));
    assert.match(runs, /^hourly .* succeeded +backup .* 8 MiB +b succeeded, c succeeded +run_/m);
    assert.match(runs, /^full .* failed +backup .* b failed +run_/m);
    assert.match(runs, /^idle .* no run .*: the plan was suspended +–$/m);
    assert.ok((await runsOf("--site", "c")).every((entry) => entry.planName === "hourly"));
    const groups = await admin.does("group", "list", "--site", "b");
    assert.match(groups, /^PLAN +SITE +TAKEN +ROLE +OBJECTS +CHANGED +DATA +SIZE +STATE +GROUP\n/);
    assert.match(groups, /^nightly +b .* restore point +1 +1 MiB +256 MiB +512 MiB +published +group_/m);
    assert.ok((await groupsOf("--site", "b")).every(({ siteId }) => siteId === "b"));
    const names = async (...args: readonly string[]) =>
      [...new Set((await groupsOf(...args)).map(({ planName }) => planName))].sort();
    assert.deepEqual(await names(), ["full", "hourly", "nightly", "snap"]);
    assert.deepEqual(await names("--since", "2h"), ["full", "hourly"]);
    assert.ok((await runsOf("--since", "2h")).every((entry) => entry.planName !== "nightly"));
  });

  test("`latest` stands for a restore point: it is shown, exported, and rebuilt whole or one object of it, twice", async () => {
    const latest = ["latest", "--plan", "hourly", "--site", "b"];
    const [newest] = await groupsOf("--plan", "hourly", "--site", "b");
    assert.match(await admin.does("group", "show", ...latest), new RegExp(`^${newest?.id}\n`));
    const file = join(dir, "exported.img");
    await admin.does("volume", "export", "web2", "--group", ...latest, "-o", file);
    assert.deepEqual(await readFile(file), await readFile(join(dir, "web2.img")));
    for (const prefix of ["one-", "two-"]) {
      const rebuilt = await admin.does("rebuild", ...latest, "--object", "web2", "--prefix", prefix, "--wait");
      assert.match(rebuilt, new RegExp(`^lun +web2 .* done +${prefix}web2 `, "m"));
    }
  });

  test("a deleted plan's name is taken while it is unambiguous; a living one wins; else their ids are listed", async () => {
    const [restorePoint] = await groupsOf("--plan", "nightly");
    await admin.does("plan", "delete", "nightly", "--yes");
    assert.deepEqual(
      (await groupsOf("--plan", "nightly")).map(({ id }) => id).includes(restorePoint?.id as never),
      true,
    );
    assert.equal((await runsOf("--plan", "nightly")).length, 1);
    await admin.does("rebuild", "latest", "--plan", "nightly", "--site", "b", "--wait");
    await createPlan("nightly", {});
    assert.match(
      await admin.does("group", "list", "--plan", "nightly"),
      /^No snapshot groups yet\.\nA deleted plan of that name, plan_\w+, has groups, too: smtx-backup group list --plan plan_\w+\n$/,
    );
    await admin.does("plan", "delete", "nightly", "--yes");
    const { exitCode, stderr } = await admin.types("group", "list", "--plan", "nightly");
    assert.equal(exitCode, 2);
    assert.match(
      stderr,
      /\(PLAN_AMBIGUOUS\)\n {2}hint: Name one by its id: plan_\w+ \(deleted .* UTC\), plan_\w+ \(deleted .* UTC\)\.\n/,
    );
  });

  /** A command line with one mistake in it, the code that it is told with, and how it ends. */
  type Typo = readonly [line: string, code: string, exitCode: number];
  const nobody = "01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z";
  const typos: Readonly<Record<string, readonly Typo[]>> = {
    "a plan": [
      ["status --plan horuly", "PLAN_UNKNOWN", 3],
      ["plan show horuly", "PLAN_UNKNOWN", 3],
      ["plan preview horuly", "PLAN_UNKNOWN", 3],
      ["plan run horuly --wait", "PLAN_UNKNOWN", 3],
      ["plan suspend horuly", "PLAN_UNKNOWN", 3],
      ["plan resume horuly", "PLAN_UNKNOWN", 3],
      ["plan delete horuly --yes", "PLAN_UNKNOWN", 3],
      ["plan update horuly -f DIR/hourly.yaml", "PLAN_UNKNOWN", 3],
      ["run list --plan horuly", "PLAN_UNKNOWN", 3],
      ["group list --plan horuly", "PLAN_UNKNOWN", 3],
      ["group show latest --plan horuly --site b", "PLAN_UNKNOWN", 3],
      ["rebuild latest --plan horuly --site b", "PLAN_UNKNOWN", 3],
      ["volume export web1 --group latest --plan horuly --site b -o DIR/x", "PLAN_UNKNOWN", 3],
    ],
    "a site": [
      ["status --site x", "SITE_UNKNOWN", 3],
      ["status --plan full --site c", "SITE_UNKNOWN", 3],
      ["run list --site x", "SITE_UNKNOWN", 3],
      ["group list --site x", "SITE_UNKNOWN", 3],
      ["group show latest --plan hourly --site x", "SITE_UNKNOWN", 3],
      ["rebuild latest --plan hourly --site x", "SITE_UNKNOWN", 3],
      ["object list --site x", "SITE_UNKNOWN", 3],
      ["object create -f DIR/pool.yaml --site x", "SITE_UNKNOWN", 3],
      ["volume list --site x", "SITE_UNKNOWN", 3],
      ["volume import DIR/web2.img --site x --name web3", "SITE_UNKNOWN", 3],
      ["volume export web1 --site x -o DIR/x", "SITE_UNKNOWN", 3],
      ["gateway list --site x", "SITE_UNKNOWN", 3],
      ["gateway invite b2 --site x", "SITE_UNKNOWN", 3],
      ["site show x", "SITE_UNKNOWN", 3],
      ["site limit a --to x --rate 50MB", "SITE_UNKNOWN", 3],
      ["site map x --to b prod=lan", "SITE_UNKNOWN", 3],
      ["status --site B", "BAD_REQUEST", 2],
    ],
    "an object, a volume, a switch or a file": [
      ["object show wbe1 --site a", "OBJECT_UNKNOWN", 3],
      ["object label wbe1 env=prod --site a", "OBJECT_UNKNOWN", 3],
      ["object delete wbe1 --site a --yes", "OBJECT_UNKNOWN", 3],
      ["object power-on web1 --site a", "OBJECT_UNKNOWN", 3],
      ["rebuild latest --plan hourly --site b --object wbe1", "OBJECT_UNKNOWN", 3],
      ["volume import DIR/web2.img --site a --into wbe1", "VOLUME_UNKNOWN", 3],
      ["volume export wbe1 --site a -o DIR/x", "VOLUME_UNKNOWN", 3],
      ["volume export wbe1 --group latest --plan hourly --site b -o DIR/x", "VOLUME_UNKNOWN", 3],
      ["volume rename wbe1 web3 --site a", "VOLUME_UNKNOWN", 3],
      ["volume delete wbe1 --site a --yes", "VOLUME_UNKNOWN", 3],
      ["volume import DIR/wbe2.img --site a --name web3", "IMAGE_UNREADABLE", 2],
      ["site map a --to b prdo=lan", "SWITCH_UNKNOWN", 2],
      ["plan create -f DIR/horuly.yaml", "BAD_REQUEST", 2],
    ],
    "a run or a group": [
      [`run show run_${nobody}`, "RUN_UNKNOWN", 3],
      [`run cancel run_${nobody}`, "RUN_UNKNOWN", 3],
      [`run redrive run_${nobody}`, "RUN_UNKNOWN", 3],
      ["run show rnu_1", "BAD_REQUEST", 2],
      [`group show group_${nobody}`, "PLAN_UNKNOWN", 3],
      ["group show GROUP9", "GROUP_UNKNOWN", 3],
      ["rebuild GROUP9 --site b", "GROUP_UNKNOWN", 3],
      ["rebuild latest --plan snap --site b", "GROUP_UNKNOWN", 3],
      ["group show ltaest --plan hourly --site b", "BAD_REQUEST", 2],
    ],
    "a gateway or a token": [
      ["gateway remove b9 --site b", "GATEWAY_UNKNOWN", 3],
      ["gateway invite B_1 --site b", "BAD_REQUEST", 2],
      ["token revoke 0123456789ab", "NOT_FOUND", 3],
      ["token revoke locla", "BAD_REQUEST", 2],
      ["token create ci --scope raed", "BAD_REQUEST", 2],
      ["status --token-file DIR/tokne", "UNAUTHENTICATED", 4],
      ["status --token-file DIR/hourly.yaml", "UNAUTHENTICATED", 4],
      ["status --dir DIR/dtaa", "NOT_FOUND", 3],
      ["status --url htp://127.0.0.1", "BAD_REQUEST", 2],
    ],
    "a time, a number, a kind or a format": [
      ["run list --since yesterday", "BAD_REQUEST", 2],
      ["group list --since 7x", "BAD_REQUEST", 2],
      ["run list --limit many", "BAD_REQUEST", 2],
      ["plan preview hourly --keep-last 0", "BAD_REQUEST", 2],
      ["site limit a --to b --rate fast", "BAD_REQUEST", 2],
      ["object list --site a --kind lnu", "BAD_REQUEST", 2],
      ["volume export web1 --site a -o DIR/x --format rwa", "BAD_REQUEST", 2],
      ["volume import - --site a --name web3 --size 8QB", "BAD_REQUEST", 2],
      ["object label web1 env --site a", "BAD_REQUEST", 2],
    ],
    "an option or a command": [
      ["statsu", "BAD_REQUEST", 2],
      ["plan lsit", "BAD_REQUEST", 2],
      ["status --plna hourly", "BAD_REQUEST", 2],
      ["run list --plan", "BAD_REQUEST", 2],
      ["local up --sites A", "BAD_REQUEST", 2],
      ["local up --sites a,a", "BAD_REQUEST", 2],
    ],
  };
  for (const [what, some] of Object.entries(typos)) {
    test(`a typo in ${what} is an error with its code, a next step, and an exit code that is not 0`, async () => {
      const [group] = await groupsOf("--plan", "hourly", "--site", "b");
      for (const [line, code, exitCode] of some) {
        const unknown = group?.id.replace(/\d{3}Z$/, "999Z") ?? "";
        const args = line.split(" ").map((word) => word.replace("DIR", dir).replace("GROUP9", unknown));
        const told = await admin.typesHere(...args);
        assert.deepEqual([told.exitCode, told.stdout], [exitCode, ""], `${line}: ${told.stderr}`);
        assert.match(told.stderr, new RegExp(`^error: [^\n]* \\(${code}\\)\n(.*\n)* {2}hint: \\S`), line);
      }
    });
  }

  const inPlans: Readonly<Record<string, readonly [code: string, exitCode: number, definition: object]>> = {
    "its source": ["SITE_UNKNOWN", 3, { source: "x" }],
    "a target": ["SITE_UNKNOWN", 3, { targets: [{ site: "x", retention: { keepLast: 1 } }] }],
    "a pool": ["POOL_UNKNOWN", 2, { targets: [{ site: "b", retention: { keepLast: 1 }, pool: "smal" }] }],
    "a switch": [
      "SWITCH_UNKNOWN",
      2,
      { targets: [{ site: "b", retention: { keepLast: 1 }, switches: { prod: "lan" } }] },
    ],
    "an object": ["OBJECT_UNKNOWN", 3, { objects: [{ kind: "lun", name: "wbe1" }] }],
    "an object's kind": ["BAD_REQUEST", 2, { objects: [{ kind: "lnu", name: "web1" }] }],
    "a key": ["BAD_REQUEST", 2, { shcedule: hourly }],
    "a cycle": ["BAD_REQUEST", 2, { schedule: { cycle: "dayly", at: "01:00" } }],
    "a cycle's key": ["BAD_REQUEST", 2, { schedule: { cycle: "hourly", at: "01:00" } }],
    "a time zone": ["SCHEDULE_IMPOSSIBLE", 2, { schedule: { cycle: "daily", at: "01:00", timeZone: "Europe/Berlni" } }],
  };
  test("a typo in a plan's file is an error, wherever it is", async () => {
    for (const [what, [code, exitCode, definition]] of Object.entries(inPlans)) {
      const told = await admin.typesHere("plan", "create", "-f", await planFile("typo", definition));
      assert.deepEqual([told.exitCode, told.stdout], [exitCode, ""], `${what}: ${told.stderr}`);
      assert.match(told.stderr, new RegExp(`^error: [^\n]* \\(${code}\\)\n(.*\n)* {2}hint: \\S`), what);
    }
    assert.equal((await admin.typesHere("plan", "show", "typo")).exitCode, 3);
  });

  test("in the log of a gateway an expected failure is one line with its code, at a level of its own, and no stack", async () => {
    const log = await readFile(join(admin.dir, "sites", "b", "b1.log"), "utf8");
    const lines = log.split("\n").filter((line) => line.includes("POOL_FULL"));
    assert.ok(lines.length >= 3, `${lines.length} lines`);
    for (const line of lines) {
      const { level, err } = JSON.parse(line) as { level: string; err: { code: string; stack?: string } };
      assert.deepEqual([level, err.code, err.stack], ["notice", "POOL_FULL", undefined]);
    }
  });

  test("Ctrl-C ends `local up` with all that it has started, with 0", () => admin.stops());

  test("and then every command says what starts it again", async () => {
    const { exitCode, stderr } = await admin.types("status");
    assert.equal(exitCode, 5);
    assert.match(stderr, /is not running: .*\(LINK_BROKEN\)\n {2}hint: Start it with: smtx-backup local up --dir /);
  });

  test("the first signal ends `local up` also while a folder is being made, on a disk that does not answer", async () => {
    const fifo = join(dir, "fifo");
    execFileSync("mkfifo", [fifo]);
    const hanging = new URL("./hanging-mkdir.ts", import.meta.url).href;
    const { child, printed, ended } = admin.start(["local", "up", "--dir", join(dir, "away")], {
      FIFO: fifo,
      NODE_OPTIONS: `--import=${hanging}`,
    });
    await until("it to make a folder", () => printed.stderr.includes("a folder is being made"));
    child.kill("SIGINT");
    await ended;
    assert.match(printed.stderr, /error: It was interrupted\. \(INTERRUPTED\)/);
    assert.ok(child.exitCode === 130 || child.signalCode === "SIGINT");
  });
});

const pool = { kind: "pool", name: "small", capacity: "4MiB" };
