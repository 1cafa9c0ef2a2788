import assert from "node:assert/strict";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fencedBlocks, readPage } from "../../house/page.ts";
import { Local } from "../local.ts";
import { prints, settledText } from "../printed.ts";
import { Terminals, type Typed, typedIn } from "../typed.ts";
import { geometry, MovingPlans } from "./world.ts";

const page = await readPage("docs/disaster.md");
const otherClock = new URL("../other-clock.ts", import.meta.url).href;

/** What a section of the page has one type, in its order. */
const sectionOf = (heading: string): readonly Typed[] => {
  const section = page.split(/^(?=## )/m).find((text) => text.startsWith(`## ${heading}\n`));
  assert(section, `the page has no section ${heading}`);
  return fencedBlocks(section)
    .filter(({ language }) => language === "console")
    .flatMap(({ text }) => typedIn(text));
};

/** What is typed where no machine of a's is on. */
const goingHome = () => sectionOf("When a answers again").filter(({ command }) => !command.includes("power-off"));

/** These end otherwise than with 0, as the page says. */
const exitCodes: Record<string, number> = {
  "npx smtx-backup failover nightly --to b --planned --yes --wait": 1,
  "npx smtx-backup failback nightly --yes --wait": 1,
};

/** What there is at site a before. */
const cluster = [
  { kind: "switch", name: "prod" },
  {
    ...{ kind: "vm", name: "web", memory: "1GiB", disks: [{ size: "8MiB", geometry }] },
    nics: [{ switch: "prod", macAddress: "52:54:00:00:00:01" }],
  },
  { kind: "lun", name: "db1", size: "8MiB", geometry },
];
const plan = {
  ...{ name: "nightly", source: "a" },
  targets: ["b", "c"].map((site) => ({ site, retention: { keepLast: 7 } })),
  objects: [
    { kind: "vm", name: "web" },
    { kind: "lun", name: "db1" },
  ],
};
const documents = (all: readonly object[]): string => all.map((one) => JSON.stringify(one)).join("\n---\n");

const hourMs = 3_600_000;

describe("docs/disaster.md, on one machine", { timeout: 1_200_000 }, () => {
  let terminals: Terminals;
  let world: MovingPlans;
  const file = (name: string) => join(terminals.dir, name);

  const typed = async (command: string, exitCode = 0): Promise<string> => {
    const answer = await terminals.type(command);
    assert.equal(answer.exitCode, exitCode, `${command}\n${answer.printed}`);
    return answer.printed;
  };
  const does = (command: string) => typed(`npx smtx-backup ${command}`);
  /** The clock of all that is typed from now on. */
  const setClock = async (hoursAhead: number): Promise<void> => {
    await typed(`export CLOCK_AHEAD_MS=${hoursAhead * hourMs}`);
    await typed(`export NODE_OPTIONS=--import=${otherClock}`);
  };
  const up = (sites: string) => terminals.typeAndLeave(`npx smtx-backup local up --dir ./data --sites ${sites}`, 5);
  const typeAll = async (heading: string): Promise<void> => {
    for (const { command, said } of sectionOf(heading)) {
      const isToStay = command.includes(" local up ");
      const printed = isToStay ? await terminals.typeAndLeave(command, 5) : await typed(command, exitCodes[command]);
      if (isToStay) await comeUp("b", "c");
      assert.ok(
        prints(said, printed),
        `${command}\nshould print\n\n${settledText(said)}\n\nand prints\n\n${settledText(printed)}`,
      );
    }
  };
  /** Their gateways answer. */
  const comeUp = async (...sites: readonly string[]): Promise<void> => {
    for (const site of sites) await does(`object list --site ${site} --refresh`);
  };
  const sums = async (site: string, prefix = "") => ({
    web: await world.sha256({ site, name: `${prefix}web` }),
    db1: await world.sha256({ site, name: `${prefix}db1` }),
  });

  before(async () => {
    terminals = await Terminals.open();
    world = new MovingPlans(new Local(file("data"), process.env));
    await setClock(-6);
    await up("a,b,c");
    await typed("export SMTX_BACKUP_DIR=./data");
    await writeFile(file("cluster.yaml"), documents(cluster));
    await writeFile(file("switch.yaml"), documents([{ kind: "switch", name: "prod" }]));
    await writeFile(file("plan.yaml"), JSON.stringify(plan));
    await does("object create -f cluster.yaml --site a");
    for (const site of ["b", "c"]) {
      await does(`object create -f switch.yaml --site ${site}`);
      await does(`object list --site ${site} --refresh`);
      await does(`site map a --to ${site} prod=prod`);
    }
    for (const name of ["web", "db1"]) await world.write({ site: "a", name }, 100);
    await does("object power-on web --site a");
    await does("object list --site a --refresh");
    await does("plan create -f plan.yaml");
    await does("plan run nightly --wait");
  });
  after(() => terminals?.close());

  /** Each begins where the one before ended. */
  let isLost = false;
  const night = (title: string, happens: () => Promise<void>) =>
    test(title, async () => {
      assert.ok(!isLost, "what came before has failed");
      isLost = true;
      await happens();
      isLost = false;
    });

  night("before that night: what is tried has other names, and is beside everything", async () => {
    await typeAll("Before that night");
    assert.deepEqual(await world.names("c"), ["test-db1", "test-web"]);
  });

  night("leaving in time: nothing is lost", async () => {
    for (const name of ["web", "db1"]) await world.write({ site: "a", name }, 10, 1);
    const here = await sums("a");
    const [leave] = sectionOf("Leaving in time");
    assert.ok(leave);
    await typed(leave.command, exitCodes[leave.command]);
    await typeAll("If it halts");
    assert.deepEqual(await world.names("b"), []);
    await typeAll("Leaving in time");
    assert.deepEqual(await sums("b"), here);
    for (const { command } of goingHome()) await typed(command, exitCodes[command]);
    assert.deepEqual(await sums("a"), here);
    assert.deepEqual(await world.names("b"), []);
  });

  night(
    "a site that does not answer any more: the other has what was backed up, and what was tried is gone",
    async () => {
      await does("plan run nightly --wait");
      const backedUp = await sums("a");
      await terminals.interrupt();
      await setClock(-3);
      await up("b,c");
      await comeUp("b", "c");
      await typeAll("Failing over");
      assert.deepEqual(await sums("b"), backedUp);
      assert.deepEqual(await world.names("c"), []);
    },
  );

  night("it answers again: it has what was written at the other meanwhile", async () => {
    await world.write({ site: "b", name: "db1" }, 20, 2);
    const there = await sums("b");
    await terminals.interrupt();
    await up("a,b,c");
    await comeUp("a");
    await typeAll("When a answers again");
    assert.deepEqual(await sums("a"), there);
  });

  night(
    "nothing but the others' hosts is left: all is made again, and is backed up with what differs alone",
    async () => {
      await does("plan run nightly --wait");
      const backedUp = await sums("a");
      await terminals.interrupt();
      await setClock(-1);
      for (const name of await readdir(file("data"))) {
        if (name !== "sites") await rm(file(`data/${name}`), { recursive: true });
      }
      await rm(file("data/sites/a"), { recursive: true });
      await typeAll("With b's host alone");
      assert.deepEqual(await sums("b"), backedUp);
      const { items } = JSON.parse(await does("run list --plan nightly --json")) as { items: readonly RunLine[] };
      const run = JSON.parse(await does(`run show ${items[0]?.id} --json`));
      const [target] = run.targets;
      assert.deepEqual([target.site, target.state, target.base.why], ["c", "succeeded", "increment"]);
      assert.ok(target.progress.bytesSent < 100_000, `${target.progress.bytesSent} bytes were sent`);
    },
  );

  night("a new site with an empty cluster is a home again", async () => {
    await world.write({ site: "b", name: "db1" }, 20, 3);
    const there = await sums("b");
    await terminals.interrupt();
    await up("a,b,c");
    await does("object create -f switch.yaml --site a");
    await comeUp("a");
    for (const { command } of goingHome()) await typed(command, exitCodes[command]);
    assert.deepEqual(await sums("a", "failback-"), there);
    assert.deepEqual(await world.names("b"), ["db1", "web"]);
  });
});

interface RunLine {
  readonly id: string;
}

describe("docs/disaster.md", () => {
  test("has no command that is not typed here", () => {
    const typedHere = ["Before that night", "Leaving in time", "If it halts", "Failing over", "When a answers again"];
    const all = [...typedHere, "With b's host alone"].flatMap(sectionOf).map(({ command }) => command);
    const inPage = fencedBlocks(page).flatMap(({ text }) => typedIn(text).map(({ command }) => command));
    assert.deepEqual([...all].sort(), [...inPage].sort());
    assert.doesNotMatch(page, /^ {4}/m);
  });
});
