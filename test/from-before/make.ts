import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, zstdCompressSync } from "node:zlib";
import { answerOf } from "../../cli/context/client.ts";
import { bytesPerSecondMin } from "../../core/api/site.ts";
import { runTool } from "../../infra/local/demo/tools.ts";
import { Local } from "../e2e/local.ts";
import { until } from "../patience.ts";
import { descendantsOf } from "../processes.ts";
import { filledBytes, type Known, knownSchema, mirrorsOf, others, sumsOf, volumes, writeImage } from "./world.ts";

/**
 * Makes a folder from before with the code that is checked out: `node test/from-before/make.ts`. It
 * writes `<commit>.tar.zst` and `<commit>.json` beside itself, which the test finds there.
 */
const here = fileURLToPath(new URL(".", import.meta.url));
const name = "nightly";
/** So many extents of `db1` have arrived when everything is killed. */
const half = Math.floor(volumes[0].extents / 2);

/** Pages of a database's log come again and again, far apart. */
const pack = (content: Buffer): Buffer =>
  zstdCompressSync(content, {
    params: { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: 24 },
  });

const ids = new Map<string, string>();
const bring = async (local: Local, dayOf: (extent: number) => number, which: readonly string[]): Promise<void> => {
  for (const volume of volumes) {
    if (!which.includes(volume.name)) continue;
    const file = `${local.dir}.img`;
    await writeImage(file, volume, dayOf);
    const into = ids.get(volume.name);
    const { kind, geometry } = volume;
    const target = into === undefined ? { name: volume.name, kind, geometry } : { into };
    ids.set(volume.name, (await local.importImage("a", file, target)).volumeId);
    await rm(file);
  }
};

const committedOf = async (local: Local, groupId: string): Promise<number> => {
  const log = await local.gatewayLog("b");
  const began = log.filter((line) => line["msg"] === "a transfer began" && line["groupId"] === groupId);
  const epochs = new Set(began.map((line) => line["epoch"]));
  return log.filter((line) => line["msg"] === "an extent was committed" && epochs.has(line["epoch"])).length;
};

/**
 * A plan that copies the other way, and one that keeps its snapshots where they are; a run of each.
 */
const makeOthers = async (local: Local): Promise<Known["others"]> => {
  for (const volume of others) {
    await writeImage(`${local.dir}.img`, volume, () => 1);
    const { site, name, kind, geometry } = volume;
    await local.importImage(site, `${local.dir}.img`, { name, kind, geometry });
  }
  const objectsOf = (source: string) =>
    others.filter(({ site }) => site === source).map(({ kind, name }) => ({ kind, name }));
  const plans = [
    { name: "back", source: "b", targets: [{ site: "a", retention: { keepLast: 5 } }] },
    { name: "here", source: "a", targets: [], retention: { keepLast: 5 } },
  ];
  const made = [];
  for (const definition of plans) {
    const { name: plan, source, targets } = definition;
    await local.createPlan({ ...definition, objects: objectsOf(source) } as never);
    const run = await local.ended(await local.runPlan(plan));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    const site = targets[0]?.site ?? source;
    made.push({ plan, source, site, point: { groupId: run.groupId, sha256: await sumsOf(local, site, run.groupId) } });
  }
  return made as unknown as Known["others"];
};

const make = async (local: Local, { commit, archive }: { commit: string; archive: string }): Promise<Known> => {
  await local.start();
  const every = volumes.map((volume) => volume.name);
  await bring(local, () => 1, every);
  await local.createPlan({
    name,
    objects: volumes.map((volume) => ({ kind: volume.kind, name: volume.name })),
    targets: [{ site: "b", retention: { keepLast: 9 } }] as never,
    schedule: { cycle: "daily", every: 1, at: "01:00", timeZone: "Europe/Berlin", startsOn: "2026-01-01" },
  });
  const points: Known["points"] = [];
  for (const day of [1, 2, 3]) {
    // Each day a few extents more change.
    if (day > 1) await bring(local, (extent) => (extent % 6 < day - 1 ? day : 1), every);
    const run = await local.ended(await local.runPlan(name));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    const sha256 = await sumsOf(local, "b", run.groupId);
    assert.deepEqual(sha256, await sumsOf(local, "a", run.groupId));
    points.push({ groupId: run.groupId, sha256 });
  }
  const besides = await makeOthers(local);
  const limits = [{ target: "b", bytesPerSecond: bytesPerSecondMin }] as never;
  await answerOf(local.api.v1.sites[":site"].limits.$put({ param: { site: "a" }, json: { limits } }));
  const isTold = async () =>
    (await local.gatewayLog("a")).some(({ msg, version }) => msg === "settings taken" && version === 1);
  await until("the limit to be known", isTold);
  await bring(local, () => 4, ["db1"]);
  const run = await local.runPlan(name);
  const { id, groupId } = await local.readRun(run);
  await until("half of the mirror", async () => (await committedOf(local, groupId)) >= half);
  const processes = [local.pid, ...(await descendantsOf(local.pid))];
  // Nobody has the time to notice that another is gone.
  for (const signal of ["SIGSTOP", "SIGKILL"]) for (const pid of processes) process.kill(pid, signal);
  await local.kill();
  const committedExtents = await committedOf(local, groupId);
  assert(committedExtents < volumes[0].extents, "all had arrived before the blow");
  // Before anybody opens it again, and tidies it up.
  const plain = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
  await runTool("tar", [...plain, "-cf", `${local.dir}.tar`, "-C", join(local.dir, ".."), "data"]);
  await writeFile(archive, pack(await readFile(`${local.dir}.tar`)));
  const sha256 = await sumsOf(local, "a", groupId);
  const underWay = { runId: id, groupId, committedExtents, sha256 };
  const mirrors = [...(await mirrorsOf(local, "a")), ...(await mirrorsOf(local, "b"))];
  const madeAt = new Date().toISOString();
  return knownSchema.parse({ commit, madeAt, filledBytes, plan: name, points, underWay, others: besides, mirrors });
};

const commit = (await runTool("git", ["-C", here, "rev-parse", "--short=7", "HEAD"])).trim();
// Not in `tmpdir()`: the folder's path is in what it holds.
const folder = join("/tmp", `smtx-backup-from-before-${commit}`, "data");
await mkdir(folder, { recursive: true });
const local = new Local(folder, process.env);
const archive = join(here, `${commit}.tar.zst`);
const known = await make(local, { commit, archive }).finally(() => local.kill());
await writeFile(join(here, `${commit}.json`), `${JSON.stringify(known, undefined, 2)}\n`);
await rm(join(folder, ".."), { recursive: true });
process.stdout.write(`${archive}\n`);
