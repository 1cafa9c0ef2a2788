import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { groupIdSchema, planIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { objectNamed } from "../../functions/api/testing.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import { main } from "../main.ts";
import { createWorld, fakeHost, recordingScreen, sleptTime, temporaryFolder } from "../testing.ts";

const mib = 1024 * 1024;
const ulid = "01K0Z3NDEKTSV4RRFFQ69G5FAV";
const groupId = groupIdSchema.parse(`group_${ulid}_20260301T010000000Z`);
const owner = { planId: planIdSchema.parse(`plan_${ulid}`), source: siteIdSchema.parse("a") };

/** A site's real extentstore, and an image with a hole in its middle. */
const setUp = async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, "store");
  const image = join(folder, "disk.img");
  const bytes = Buffer.concat([randomBytes(mib), Buffer.alloc(2 * mib), randomBytes(mib)]);
  await writeFile(image, bytes);
  const withStorage = async <T>(use: (storage: Awaited<ReturnType<typeof openStorage>>) => Promise<T>) => {
    const storage = await openStorage({ kind: "extentstore", dir: store });
    try {
      return await use(storage);
    } finally {
      await storage.close();
    }
  };
  await withStorage(async () => undefined);
  const world = await createWorld();
  // The site's gateway sees what is in the store whenever it looks.
  const time = sleptTime(async () => {
    world.objects = await withStorage((storage) => storage.inventory());
    await world.work();
  });
  const volume = (args: readonly string[]) =>
    world.run(["volume", ...args], { time }).then((result) => ({ ...result, json: () => JSON.parse(result.stdout) }));
  const at = ["--site", "a", "--store", store] as const;
  return { folder, image, bytes, world, time, volume, at, withStorage };
};

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("volume import and export", () => {
  test("bring an image in and out again, byte for byte, and the API knows of it at once", async (t) => {
    const { folder, image, bytes, volume, at } = await setUp(t);
    const imported = await volume(["import", image, "--name", "web1", ...at, "--json"]);
    assert.deepEqual([imported.exitCode, imported.stderr], [0, ""]);
    const { volumeId, ...rest } = imported.json();
    assert.equal(rest.inventoryRefreshed, true);
    assert.deepEqual([rest.sizeBytes, rest.writtenBytes], [4 * mib, 2 * mib]);
    const listed = (await volume(["list", "--site", "a", "--json"])).json();
    assert.deepEqual([listed.objects[0].name, listed.objects[0].volumes[0].id], ["web1", volumeId]);

    const out = join(folder, "out.img");
    for (const name of ["web1", volumeId, listed.objects[0].id]) {
      const exported = await volume(["export", name, "-o", out, ...at, "--json"]);
      assert.equal(exported.json().sha256, sha256(bytes));
      assert.ok(bytes.equals(await readFile(out)));
    }
  });

  test("a volume that is there gets what differs, and its snapshot stays what it was", async (t) => {
    const { folder, image, bytes, volume, at, withStorage } = await setUp(t);
    const { volumeId } = (await volume(["import", image, "--name", "web1", ...at, "--json"])).json();
    const group = await withStorage((storage) => storage.snapshotGroup({ groupId, owner, volumeIds: [volumeId] }));
    const changed = Buffer.from(bytes);
    changed.fill(7, 64 * 1024, 128 * 1024);
    await writeFile(image, changed);
    const again = await volume(["import", image, "--into", "web1", ...at]);
    assert.match(again.stdout, /^Wrote into web1 \(volume-\w+\) of 4 MiB on site a: 64 KiB written, in /);
    const out = join(folder, "out.img");
    const snapshot = group.snapshots[0]?.snapshotId ?? "";
    assert.equal((await volume(["export", "--snapshot", snapshot, "-o", out, ...at])).exitCode, 0);
    assert.ok(bytes.equals(await readFile(out)));
    await rm(out);
    assert.equal((await volume(["export", "web1", "--group", groupId, "-o", out, ...at])).exitCode, 0);
    assert.ok(bytes.equals(await readFile(out)));
    const unknown = await volume(["export", "web2", "--group", groupId, "-o", out, ...at]);
    assert.match(unknown.stderr, /no volume “web2”.*VOLUME_UNKNOWN/);
    await volume(["export", "web1", "-o", out, ...at]);
    assert.ok(changed.equals(await readFile(out)));
  });

  test("an import is done also when no gateway tells the API, and says so", async (t) => {
    const { image, world, at } = await setUp(t);
    const { exitCode, stdout, stderr } = await world.run(["volume", "import", image, "--name", "web1", ...at], {
      time: sleptTime(),
    });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Made web1 /);
    assert.match(stderr, /^warning: The volume is there, and the API does not know of it yet\./);
  });

  test("an import that is interrupted leaves no volume behind", async (t) => {
    const { image, at, withStorage, folder } = await setUp(t);
    const host = fakeHost({ env: { SMTX_BACKUP_DIR: folder }, stdout: recordingScreen(true) });
    const stopped = {
      ...host,
      time: {
        ...host.time,
        nowMs: () => {
          host.stop();
          return 0;
        },
      },
    };
    assert.equal(await main(["volume", "import", image, "--name", "web1", ...at], stopped), 130);
    assert.deepEqual(await withStorage((storage) => storage.inventory()), []);
  });

  test("a terminal shows a bar with rate and time left, and takes it away at the end", async (t) => {
    const { image, folder, at } = await setUp(t);
    const stdout = recordingScreen(true);
    const ticks = [0, 200, 400, 600, 800, 1000, 1200].values();
    const time = { ...sleptTime(), nowMs: () => ticks.next().value ?? 2000 };
    const host = fakeHost({ env: { SMTX_BACKUP_DIR: folder }, stdout, time });
    assert.equal(await main(["volume", "import", image, "--name", "web1", ...at], host), 0);
    assert.match(stdout.text, /importing {2}\S*█{10}░{10}\S* +50% {2}\d+ [KM]iB\/s {2}.* left\n/);
    assert.ok(stdout.text.includes("\u001b[1F\u001b[0JMade web1"));
  });

  test("what is not there, or more than one, is told with what to do", async (t) => {
    const { folder, image, volume, at, withStorage } = await setUp(t);
    const out = join(folder, "out.img");
    const unknown = await volume(["export", "web9", "-o", out, ...at]);
    assert.equal(unknown.exitCode, 3);
    assert.match(unknown.stderr, /no volume “web9”.*VOLUME_UNKNOWN/);
    assert.equal((await volume(["export", "-o", out, ...at])).exitCode, 2);
    assert.equal((await volume(["import", image, ...at])).exitCode, 2);
    assert.equal((await volume(["import", join(folder, "none"), "--name", "x", ...at])).exitCode, 2);
    assert.ok(!(await readdir(folder)).includes("out.img"));
    assert.deepEqual(await withStorage((storage) => storage.inventory()), []);
  });
});

describe("volume list", () => {
  test("shows what was seen last, and with --refresh what there is now", async () => {
    const world = await createWorld();
    const first = await world.run(["volume", "list", "--site", "a"]);
    assert.match(first.stdout, /no volumes.*\nseen at 2026-03-01 00:30:01 UTC\n$/);
    world.objects = [
      objectNamed("db"),
      objectNamed("mirror", { origin: { planId: "p", siteId: "b", role: "mirror" } }),
    ];
    assert.equal((await world.run(["volume", "list", "--site", "a"])).stdout, first.stdout);
    const { stdout } = await world.run(["volume", "list", "--site", "a", "--refresh"]);
    assert.match(
      stdout,
      /^NAME .*\ndb +lun +1 GiB +t:1 +– +lun-db\nmirror +lun +1 GiB +t:1 +mirror from b +lun-mirror\n/,
    );
  });

  test("waits 15 s for a gateway, and says when none answers", async () => {
    const world = await createWorld();
    const time = sleptTime();
    const { exitCode, stderr } = await world.run(["volume", "list", "--site", "a", "--refresh"], { time });
    assert.equal(exitCode, 1);
    assert.match(stderr, /within 15 seconds\. \(GATEWAY_ABSENT\)\n {2}hint: .*gateway list --site a/);
    assert.equal(time.nowMs(), 15_000);
  });
});
