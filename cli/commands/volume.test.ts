import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { objectNamed } from "../../functions/api/testing.ts";
import { main } from "../main.ts";
import { createWorld, fakeHost, recordingScreen, sleptTime } from "../testing.ts";
import { groupId, innerIdOf, mib, owner, setUp } from "./testing-volume.ts";

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("volume import and export", () => {
  test("bring an image in and out again, byte for byte, and the API knows of it at once", async (t) => {
    const { folder, image, bytes, volume, at, withStorage } = await setUp(t);
    const imported = await volume(["import", image, "--name", "web1", ...at, "--json"]);
    assert.deepEqual([imported.exitCode, imported.stderr], [0, ""]);
    const { id, inventoryRefreshed, sizeBytes, writtenBytes } = imported.json();
    assert.deepEqual([inventoryRefreshed, sizeBytes, writtenBytes], [true, 4 * mib, 2 * mib]);
    const listed = (await volume(["list", "--site", "a", "--json"])).json();
    assert.deepEqual([listed.objects[0].name, listed.objects[0].id, listed.objects[0].volumes[0].id], ["web1", id, id]);

    const out = join(folder, "out.img");
    for (const name of ["web1", id, await withStorage(innerIdOf("web1"))]) {
      const exported = await volume(["export", name, "-o", out, "--force", ...at, "--json"]);
      assert.equal(exported.json().sha256, sha256(bytes));
      assert.ok(bytes.equals(await readFile(out)));
    }
  });

  test("a volume that is there gets what differs, and its snapshot stays what it was", async (t) => {
    const { folder, image, bytes, volume, at, withStorage } = await setUp(t);
    await volume(["import", image, "--name", "web1", ...at]);
    const volumeId = await withStorage(innerIdOf("web1"));
    const group = await withStorage((storage) => storage.snapshotGroup({ groupId, owner, volumeIds: [volumeId] }));
    const changed = Buffer.from(bytes);
    changed.fill(7, 64 * 1024, 128 * 1024);
    await writeFile(image, changed);
    const again = await volume(["import", image, "--into", "web1", ...at]);
    assert.match(again.stdout, /^Wrote into web1 \(lun-\w+\) of 4 MiB on site a: 64 KiB written, in /);
    const out = join(folder, "out.img");
    const snapshot = group.snapshots[0]?.snapshotId ?? "";
    assert.equal((await volume(["export", "--snapshot", snapshot, "-o", out, ...at])).exitCode, 0);
    assert.ok(bytes.equals(await readFile(out)));
    await rm(out);
    assert.equal((await volume(["export", "web1", "--group", groupId, "-o", out, ...at])).exitCode, 0);
    assert.ok(bytes.equals(await readFile(out)));
    const unknown = await volume(["export", "web2", "--group", groupId, "-o", out, ...at]);
    assert.match(unknown.stderr, /no volume “web2”.*VOLUME_UNKNOWN/);
    await volume(["export", "web1", "-o", out, "--force", ...at]);
    assert.ok(changed.equals(await readFile(out)));
  });

  test("a volume in a group is also meant by the id and the name that the group has it with, when it is gone", async (t) => {
    const { folder, image, bytes, volume, at, withStorage } = await setUp(t);
    const { id } = (await volume(["import", image, "--name", "web1", ...at, "--json"])).json();
    await withStorage(async (storage) => {
      const objects = await storage.inventory();
      const volumeIds = objects.flatMap(({ volumes }) => volumes.map((one) => one.id));
      await storage.snapshotGroup({ groupId, owner, volumeIds, objects, sequence: 1 });
    });
    await volume(["delete", id, "--yes", ...at]);
    const out = join(folder, "out.img");
    for (const name of [id, "web1"]) {
      const { exitCode, stderr } = await volume(["export", name, "--group", groupId, "-o", out, "--force", ...at]);
      assert.equal(exitCode, 0, stderr);
      assert.ok(bytes.equals(await readFile(out)));
    }
  });

  test("an image comes from standard input and goes to standard output, with every message on standard error", async (t) => {
    const { bytes, world, time, volume, at } = await setUp(t);
    const input = () => Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]);
    const from = ["volume", "import", "-", "--name", "web1", "--size", "4MiB", ...at];
    const imported = await world.run(from, { time, input });
    assert.deepEqual([imported.exitCode, imported.stderr], [0, ""]);
    assert.match(imported.stdout, /^Made web1 .* of 4 MiB/);
    const written: Uint8Array[] = [];
    const writeOutput = async (part: Uint8Array) => void written.push(Buffer.from(part));
    const exported = await world.run(["volume", "export", "web1", "-o", "-", ...at], { time, writeOutput });
    assert.deepEqual([exported.exitCode, exported.stdout], [0, ""]);
    assert.match(exported.stderr, new RegExp(`sha256 of its bytes: ${sha256(bytes)}`));
    assert.ok(Buffer.concat(written).equals(bytes));
    const json = await world.run(["volume", "export", "web1", "-o", "-", "--json", ...at], { time, writeOutput });
    assert.deepEqual([json.stdout, JSON.parse(json.stderr).sha256], ["", sha256(bytes)]);
    const failing = (code: string) => async () => Promise.reject(Object.assign(new Error(`write ${code}`), { code }));
    for (const [code, why] of [
      ["EPIPE", /takes no more: whatever reads it has ended\. Not all of the image was written\. \(OUTPUT_FAILED\)/],
      ["ENOSPC", /there is no room left\. Not all .*\n {2}hint: Free some room/],
    ] as const) {
      const parts = { time, writeOutput: failing(code) };
      const cut = await world.run(["volume", "export", "web1", "-o", "-", ...at], parts);
      assert.deepEqual([cut.exitCode, cut.stdout], [1, ""]);
      assert.match(cut.stderr, why);
    }
    const listed = await volume(["list", "--site", "a", "--json"]);
    assert.deepEqual(
      listed.json().objects.map(({ name }: { name: string }) => name),
      ["web1"],
    );
  });

  test("what comes from standard input in another size than was said is refused, and nothing is left", async (t) => {
    const { bytes, world, withStorage, at } = await setUp(t);
    for (const size of ["5MiB", "3MiB"]) {
      const input = () => Readable.from([bytes]);
      const { exitCode, stderr } = await world.run(["volume", "import", "-", "--name", "x", "--size", size, ...at], {
        input,
      });
      assert.equal(exitCode, 2);
      assert.match(stderr, /--size says.*\(IMAGE_UNREADABLE\)/);
    }
    assert.deepEqual(await withStorage((storage) => storage.inventory()), []);
  });

  test("standard input needs --size, a file has none, and neither end may be a terminal", async (t) => {
    const { image, world, volume, at } = await setUp(t);
    const terminal = () => Object.assign(Readable.from([]), { isTTY: true });
    const refused = [
      await volume(["import", "-", "--name", "x", ...at]),
      await volume(["import", image, "--name", "x", "--size", "4MiB", ...at]),
      await volume(["import", "-", "--name", "x", "--size", "big", ...at]),
      await world.run(["volume", "import", "-", "--name", "x", "--size", "4MiB", ...at], { input: terminal }),
      await volume(["export", "x", "-o", "-", "--format", "qcow2", ...at]),
      await world.run(["volume", "export", "x", "-o", "-", ...at], { stdout: recordingScreen(true) }),
    ];
    for (const { exitCode, stderr } of refused) {
      assert.equal(exitCode, 2);
      assert.match(stderr, /\(BAD_REQUEST\)\n {2}hint: /);
    }
  });

  test("a file that is there is not replaced without --force", async (t) => {
    const { folder, image, volume, at } = await setUp(t);
    await volume(["import", image, "--name", "web1", ...at]);
    const out = join(folder, "out.img");
    await writeFile(out, "yesterday's");
    const { exitCode, stderr } = await volume(["export", "web1", "-o", out, ...at]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /is there already.*\(IMAGE_EXISTS\)\n {2}hint: .*--force/);
    assert.equal(await readFile(out, "utf8"), "yesterday's");
  });

  test("a name that is taken can be written over, and a folder that is not there is told", async (t) => {
    const { folder, image, volume, at } = await setUp(t);
    await volume(["import", image, "--name", "web1", ...at]);
    const again = await volume(["import", image, "--name", "web1", ...at]);
    assert.equal(again.exitCode, 2);
    assert.match(again.stderr, /\(VOLUME_NAME_TAKEN\)\n {2}hint: .*--into web1\n/);
    const nowhere = await volume(["export", "web1", "-o", join(folder, "nodir", "x.img"), ...at]);
    assert.match(nowhere.stderr, /^error: There is no folder “.*nodir”\. \(IMAGE_UNWRITABLE\)\n {2}hint: /);
    assert.equal(nowhere.exitCode, 2);
  });

  test("a file that is called .qcow2 is one, unless --format says otherwise", async (t) => {
    const { folder, image, bytes, world, time, volume, at } = await setUp(t);
    await volume(["import", image, "--name", "web1", ...at]);
    const out = join(folder, "out.qcow2");
    const raw = await world.run(["volume", "export", "web1", "-o", out, "--format", "raw", ...at], { time });
    assert.match(raw.stdout, / as raw, in /);
    assert.ok(bytes.equals(await readFile(out)));
    const path = process.env["PATH"];
    t.after(() => {
      process.env["PATH"] = path;
    });
    // Without qemu-img it is refused, which tells what it was taken for.
    process.env["PATH"] = folder;
    const refused = await volume(["export", "web1", "-o", out, "--force", ...at]);
    assert.match(refused.stderr, /\(TOOL_MISSING\)/);
  });

  test("an image of another size is refused, and --resize lets the volume grow", async (t) => {
    const { image, bytes, volume, at, withStorage } = await setUp(t);
    await volume(["import", image, "--name", "web1", ...at]);
    await writeFile(image, bytes.subarray(0, 2 * mib));
    const smaller = await volume(["import", image, "--into", "web1", "--resize", ...at]);
    assert.match(smaller.stderr, /IMAGE_TOO_SMALL/);
    await writeFile(image, Buffer.concat([bytes, bytes]));
    const larger = await volume(["import", image, "--into", "web1", ...at]);
    assert.match(larger.stderr, /VOLUME_TOO_SMALL.*\n {2}hint: .*--resize/);
    const grown = await volume(["import", image, "--into", "web1", "--resize", ...at, "--json"]);
    assert.equal(grown.json().sizeBytes, 8 * mib);
    const [object] = await withStorage((storage) => storage.inventory());
    assert.equal(object?.volumes[0]?.sizeBytes, 8 * mib);
  });

  test("a foreign image is refused by name; --format raw takes it for a disk all the same", async (t) => {
    const { image, bytes, volume, at } = await setUp(t);
    await writeFile(image, Buffer.concat([Buffer.from("PK\x03\x04"), bytes.subarray(4)]));
    const refused = await volume(["import", image, "--name", "web1", ...at]);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /is a zip archive.*\(IMAGE_UNSUPPORTED\)\n {2}hint: .*--format raw/);
    assert.equal((await volume(["import", image, "--name", "web1", "--format", "raw", ...at])).exitCode, 0);
  });

  test("an import is done also when no gateway tells the API, and says so", async (t) => {
    const { image, world, at } = await setUp(t);
    const { exitCode, stdout, stderr } = await world.run(["volume", "import", image, "--name", "web1", ...at], {
      time: sleptTime(),
    });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Made web1 /);
    assert.match(stderr, /^warning: It is done, and the API does not know of it yet\./);
  });

  test("an import or export that is interrupted changes nothing, and says so", async (t) => {
    const { image, bytes, volume, at, withStorage, folder } = await setUp(t);
    const interrupted = async (args: readonly string[]) => {
      const stderr = recordingScreen(false);
      const host = fakeHost({ env: { SMTX_BACKUP_DIR: folder }, stdout: recordingScreen(true), stderr });
      // The first bar is drawn when a part is in already.
      let asked = 0;
      const nowMs = () => {
        if (++asked > 1) host.stop();
        return 0;
      };
      const stopped = { ...host, time: { ...host.time, nowMs } };
      assert.equal(await main(["volume", ...args, ...at], stopped), 130);
      return stderr.text;
    };
    assert.match(
      await interrupted(["import", image, "--name", "web1"]),
      /^warning: Nothing was imported: web1 was not made\.\nerror: /,
    );
    assert.deepEqual(await withStorage((storage) => storage.inventory()), []);
    await volume(["import", image, "--name", "web1", ...at]);
    await writeFile(image, randomBytes(bytes.length));
    assert.match(
      await interrupted(["import", image, "--into", "web1"]),
      /^warning: Nothing was imported: web1 is as it was\.\nerror: /,
    );
    const out = join(folder, "out.img");
    const exporting = ["export", "web1", "-o", out];
    assert.match(await interrupted(exporting), /^warning: Nothing was written: .*out\.img was not made\.\nerror: /);
    await volume(["export", "web1", "-o", out, ...at]);
    assert.match(await interrupted([...exporting, "--force"]), /^warning: .*out\.img is as it was\.\nerror: /);
    assert.ok(bytes.equals(await readFile(out)));
  });

  test("a terminal shows a bar with rate and time left, and takes it away at the end", async (t) => {
    const { image, folder, at } = await setUp(t);
    const stdout = recordingScreen(true);
    const ticks = [0, 600, 1200, 1800, 2400, 3000, 3600].values();
    const time = { ...sleptTime(), nowMs: () => ticks.next().value ?? 9000 };
    const host = fakeHost({ env: { SMTX_BACKUP_DIR: folder }, stdout, time });
    assert.equal(await main(["volume", "import", image, "--name", "web1", ...at], host), 0);
    assert.match(stdout.text, /importing {2}\S*█{15}░{5}\S* +75% {2}[\d.]+ [KM]iB\/s {2}.* left\n/);
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
    const isFolder = await volume(["import", folder, "--name", "x", ...at]);
    assert.match(isFolder.stderr, /” is a folder\. \(IMAGE_UNREADABLE\)\n {2}hint: /);
    await writeFile(join(folder, "empty"), "");
    const isEmpty = await volume(["import", join(folder, "empty"), "--name", "x", ...at]);
    assert.match(isEmpty.stderr, /” is empty\. \(IMAGE_UNREADABLE\)\n {2}hint: /);
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
