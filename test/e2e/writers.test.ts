import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../patience.ts";
import { Local } from "./local.ts";
import { cellBytes, cellOf, cells, judgeOrder, numbersIn, type WriteOrder } from "./numbered.ts";
import { contentsOf, createObjects, geometry } from "./scenario.ts";

const script = fileURLToPath(new URL("./writer-process.ts", import.meta.url));
const size = cells * cellBytes;
const shape = { size: String(size), geometry };
/** Volumes of all kinds, in the order in which they are written to. */
const documents = [
  { kind: "nfs-export", name: "e1" },
  { kind: "vm", name: "db", memory: "1GiB", disks: [shape, shape] },
  { kind: "lun", name: "log", ...shape },
  { kind: "nfs-file", name: "/exports/e1/journal", ...shape },
  { kind: "volume", name: "loose", ...shape },
];
const places = ["vm db 0", "lun log", "vm db 1", "nfs-file journal", "volume loose"];
const writerCount = 2;
const runCount = 3;
/** Nobody writes more than that, whatever happens. */
const writesMax = 100_000;
/** So many are written between two snapshots at least. */
const writesBetween = 50;

describe("processes that write numbered blocks to all volumes of a plan, one after the other", () => {
  let local: Local;
  let writers: readonly ChildProcess[] = [];
  let volumeIds: readonly string[];
  let written = 0;
  let stopped = false;

  before(async () => {
    local = await Local.create();
    await local.start();
    await createObjects(local, "a", documents);
    await local.refreshed("a");
    const found = await contentsOf(local, "a", await local.inventory("a"));
    volumeIds = places.map((place) => found.get(place)?.volumeId ?? assert.fail(`there is no ${place}`));
    await local.createPlan({
      name: "all",
      objects: [
        { kind: "vm", name: "db" },
        { kind: "lun", name: "log" },
        { kind: "nfs-file", name: "/exports/e1/journal" },
        { kind: "volume", name: "loose" },
      ],
    });
  });
  after(async () => {
    stopped = true;
    for (const writer of writers) writer.kill("SIGKILL");
    await local.remove();
  });

  /** Each volume has one process that writes to it; every process has several. */
  const startWriters = async (): Promise<void> => {
    const store = join(local.dir, "sites", "a", "store");
    writers = Array.from({ length: writerCount }, (_, i) => {
      const own = volumeIds.filter((_id, volume) => volume % writerCount === i);
      return fork(script, [store, own.join()], { stdio: "inherit" });
    });
    await Promise.all(writers.map((writer) => once(writer, "message")));
  };

  /** The next one is begun when the one before is durable, in whatever process. */
  const write = async (): Promise<void> => {
    while (!stopped && written < writesMax) {
      const number = written + 1;
      const volume = (number - 1) % volumeIds.length;
      const writer = writers[volume % writerCount] ?? assert.fail();
      const order: WriteOrder = {
        number,
        volumeId: volumeIds[volume] ?? assert.fail(),
        offset: cellOf(number, volumeIds.length) * cellBytes,
      };
      const done = once(writer, "message");
      writer.send(order);
      await done;
      written = number;
    }
  };

  test("are in order in every restored group: if a write is there, all before it are, and none after it", async (t) => {
    await startWriters();
    const writing = write();
    const groups: { groupId: string; before: number }[] = [];
    for (let i = 0; i < runCount; i += 1) {
      const enough = written + writesBetween;
      await until("the writers to go on", () => written >= enough);
      const begun = written;
      const run = await local.ended(await local.runPlan("all"));
      assert.equal(run.status, "succeeded", JSON.stringify(run));
      groups.push({ groupId: run.groupId, before: begun });
      assert(written > begun, "nobody wrote while the group was taken");
    }
    stopped = true;
    await writing;
    for (const [i, { groupId, before }] of groups.entries()) {
      const prefix = `r${i}-`;
      await local.command("rebuild", groupId, "--site", "b", "--prefix", prefix, "--wait");
      const restored = (await local.inventory("b")).filter(({ origin }) => origin?.role === "rebuilt");
      const contents = await contentsOf(local, "b", restored, prefix);
      const numbers = places.map((place) => numbersIn(contents.get(place)?.content ?? assert.fail(place)));
      const { newest, violations } = judgeOrder(numbers);
      assert.deepEqual(violations, []);
      assert(newest >= before, `write ${before} was durable before the run, and ${newest} is the newest`);
      t.diagnostic(`the group of run ${i + 1} is the state after write ${newest}`);
    }
  });
});
