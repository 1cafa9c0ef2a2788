import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs, styleText } from "node:util";
import { bytesIn, bytesText } from "../../../core/api/bytes.ts";
import type { FailoverAnswer } from "../../../core/api/failover/answer.ts";
import type { GroupId } from "../../../core/api/ids.ts";
import { ownNetworkProblem } from "../emulators/namespace.ts";
import { changeDiskImage, type DiskImage, makeDiskImage } from "./image.ts";
import { LocalSystem } from "./local-system.ts";
import { missingText } from "./missing.ts";

/**
 * The demo: everything that the README promises, by the commands that a person would type. It ends
 * with exit code 1 unless every byte that comes back is the byte that was snapshotted.
 */
const imageBytes = 2 * 1024 ** 3;
/** The first file is Node itself, and all of it has to fit. */
const imageBytesMin = 512 * 1024 ** 2;
/** Of an image: what its files take, and what the next day changes of them. */
const shares = { content: 0.242, changing: 0.0093 };

const tools = [
  { name: "mke2fs", package: "e2fsprogs", without: "the image is a raw disk, and has no ext4 file system in it" },
];

const usage = `usage: npm run demo [-- [--image FILE | --size SIZE] [--keep]]

  --image FILE   back up this raw disk image instead of one made here; it is only read
  --size SIZE    make an image of this size instead of 2 GiB, such as 1GiB; 512MiB is the least
  --keep         leave the folder with everything in it, and say where it is
`;

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      image: { type: "string" },
      size: { type: "string" },
      keep: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return void process.stdout.write(usage);
  const sizeBytes = values.size === undefined ? imageBytes : bytesIn(values.size);
  if (sizeBytes === undefined || sizeBytes < imageBytesMin) {
    process.stderr.write(`--size ${values.size}: a size such as 1GiB, and not below 512MiB, please\n`);
    process.exitCode = 2;
    return;
  }
  const missing = values.image === undefined ? await missingText(tools) : undefined;
  if (missing !== undefined) print(missing.replaceAll("\n", "\n  "));
  const problem = await ownNetworkProblem();
  if (problem !== undefined) print(sharedHost(problem));
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-demo-"));
  const system = new LocalSystem(join(dir, "data"), problem === undefined ? [] : ["--shared-host"]);
  try {
    await demonstrate(dir, system, values.image === undefined ? { sizeBytes } : { file: resolve(values.image) });
  } finally {
    await system.stop();
    if (values.keep === true) say(`Everything is left in ${dir}`);
    else await rm(dir, { recursive: true });
  }
};

const sharedHost = (problem: string): string =>
  `Other users of this machine reach the emulators while the demo runs: ${problem}.\n  docs/local.md says how to hide them.`;

/** An image of the user's, or how large one is to be made. */
type Wanted = { readonly file: string } | { readonly sizeBytes: number };

const demonstrate = async (dir: string, system: LocalSystem, wanted: Wanted): Promise<void> => {
  const begun = Date.now();
  const { file, made, changingBytes } =
    "file" in wanted ? { ...wanted, made: undefined, changingBytes: 0 } : await ownImage(dir, wanted.sizeBytes);
  say("The system starts: two sites, a gateway for each, the control plane over emulators");
  await system.start();

  say("A disk is put on site a, and a plan backs it up to site b");
  await system.run("volume", "import", file, "--site", "a", "--name", "web1");
  const planFile = join(dir, "plan.yaml");
  await writeFile(planFile, plan);
  await system.run("plan", "create", "-f", planFile);

  say("The first backup: everything but the holes");
  await system.run("plan", "run", "nightly", "--wait");
  const first = await prove(dir, system, "first-");

  if (made !== undefined) {
    say(`The next day: a file of ${megabytes(changingBytes)} inside the image is another one`);
    await changeDiskImage({ file, format: made.format, changingBytes, seed: 2 });
    await system.run("volume", "import", file, "--site", "a", "--into", "web1");
  }
  say("The second backup: what changed");
  await system.run("plan", "run", "nightly", "--wait");
  const second = await prove(dir, system, "second-");

  say("The first restore point is still what it was");
  await system.run("rebuild", first.groupId, "--site", "b", "--prefix", "again-", "--wait");
  expectEqual(await exported(dir, system, "again-web1"), first.sha256);
  await remove(system, "again-web1");
  await system.run("group", "list", "--plan", "nightly", "--site", "b");

  await thereAndBack(dir, system, { file, made, changingBytes });

  say("The disk on site a becomes what it was on the first day");
  await system.run("rollback", first.groupId, "--discard-changes", "--wait");
  expectEqual(await exported(dir, system, await diskAtA(system), "a"), first.sha256, "rolled back a");
  await system.run("group", "list", "--plan", "nightly", "--site", "a");
  if (made !== undefined && second.sha256 === first.sha256) throw new Error("the two days do not differ");
  say(`All of it is equal, byte for byte. ${Math.round((Date.now() - begun) / 1000)} s.`);
};

/** The site's disk is made at b, is written there, and goes home. */
const thereAndBack = async (
  dir: string,
  system: LocalSystem,
  image: { readonly file: string; readonly made: DiskImage | undefined; readonly changingBytes: number },
): Promise<void> => {
  const { file, made, changingBytes } = image;
  say("Site a is given up: site b takes its place, with the disk of the second day");
  await system.run("failover", "nightly", "--to", "b", "--yes", "--wait");
  if (made !== undefined) {
    say(`Work goes on at site b: ${megabytes(changingBytes)} inside the disk are written`);
    await changeDiskImage({ file, format: made.format, changingBytes, seed: 3 });
    await system.run("volume", "import", file, "--site", "b", "--into", "web1");
  }

  say("Home again, with what was written at b and nothing else");
  await system.runUntilItWaits("failback", "nightly", "--yes", "--wait");
  await system.run("failover", "continue", "nightly", "--wait");
  const { steps } = await system.ask<FailoverAnswer>("failover", "show", "nightly");
  const sentBack = steps.find(({ state }) => state === "sending-back")?.runId;
  if (sentBack === undefined) throw new Error("nothing was sent back");
  await system.run("run", "show", sentBack);
  expectEqual(
    await exported(dir, system, await diskAtA(system), "a"),
    await sha256Of(file),
    "home at a",
    "written at b",
  );
};

const plan = `name: nightly
source: a
targets:
  - site: b
    retention: { keepLast: 3 }
objects:
  - { kind: lun, name: web1 }
schedule:
  cycle: daily
  at: "01:00"
  timeZone: Europe/Berlin
`;

const ownImage = async (
  dir: string,
  sizeBytes: number,
): Promise<{ file: string; made: DiskImage; changingBytes: number }> => {
  const file = join(dir, "disk.img");
  const contentBytes = Math.round(sizeBytes * shares.content);
  const changingBytes = Math.round(sizeBytes * shares.changing);
  say(`A disk image of ${bytesText(sizeBytes)} is filled with real files of this machine`);
  const made = await makeDiskImage({ file, sizeBytes, contentBytes, changingBytes });
  const what = made.format === "ext4" ? "an ext4 file system" : "a raw disk";
  print(`${made.files} files, ${megabytes(made.contentBytes)}, as ${what}`);
  return { file, made, changingBytes };
};

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Rebuilds the newest group on b, and compares it with the snapshot on a that it was made from. */
const prove = async (
  dir: string,
  system: LocalSystem,
  prefix: string,
): Promise<{ groupId: GroupId; sha256: string }> => {
  const { items } = await system.ask<{ items: { id: GroupId }[] }>("group", "list", "--plan", "nightly", "--site", "b");
  const groupId = items
    .map((group) => group.id)
    .sort()
    .at(-1);
  if (groupId === undefined) throw new Error("site b has no group");
  await system.run("rebuild", groupId, "--site", "b", "--prefix", prefix, "--wait");
  const output = join(dir, "source.img");
  const source = await system.json<{ sha256: string }>(
    ...["volume", "export", "web1", "--group", groupId, "--site", "a", "-o", output, "--force"],
  );
  expectEqual(await exported(dir, system, `${prefix}web1`), source.sha256);
  await remove(system, `${prefix}web1`);
  return { groupId, sha256: source.sha256 };
};

/** Its id: what came home was sent into a mirror there, which has the same name. */
const diskAtA = async (system: LocalSystem): Promise<string> => {
  const { objects } = await system.ask<PlanShown>("plan", "show", "nightly");
  const [disk] = objects;
  if (disk === undefined) throw new Error("the plan has no object");
  return disk.id;
};

interface PlanShown {
  readonly objects: readonly { readonly id: string }[];
}

/** It has a LUN id at b that the disk itself is to have there. */
const remove = (system: LocalSystem, name: string): Promise<void> =>
  system.run("object", "delete", name, "--site", "b", "--yes");

const exported = async (dir: string, system: LocalSystem, name: string, site = "b"): Promise<string> => {
  const image = await system.json<{ sha256: string }>(
    "volume",
    "export",
    name,
    "--site",
    site,
    "-o",
    join(dir, "rebuilt.img"),
    "--force",
  );
  return image.sha256;
};

const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
};

const expectEqual = (restored: string, source: string, what = "rebuilt on b", from = "source snapshot"): void => {
  print(`${from.padEnd(15)}  sha256 ${source}`);
  print(`${what.padEnd(15)}  sha256 ${restored}`);
  if (restored !== source) throw new Error(`what was ${what} is not what was snapshotted`);
  print(styleText("green", "equal"));
};

const print = (line: string): void => void process.stdout.write(`  ${line}\n`);
const say = (line: string): void => void process.stdout.write(`\n${styleText("bold", line)}\n`);

await main();
