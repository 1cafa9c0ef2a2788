import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { NfsFileObject } from "../../../core/api/object/nfs-file.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import {
  groupId,
  noise,
  owner,
  readSnapshot,
  rejects,
  snapshotOf,
  tokensOf,
  volumeOf,
  write,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { bytesIn, fileOfSource, isMirror, publishAll, theOnly } from "../../../gateway/storage/conformance/objects.ts";
import { back, take } from "../../../gateway/storage/conformance/rollback.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { withCustomer } from "../driver/with-customer.ts";
import { openConfigured } from "../probe/configured.ts";
import { needNfs, readOverNfs } from "./nfs-client.ts";

const KiB = 1024;
const sizeBytes = 1024 * KiB;
/** As a cluster's own files are. */
const striped = { extentBytes: 256 * KiB, stripeCount: 4, stripeBytes: 64 * KiB };

const opened = async (context: TestContext, options: Parameters<typeof openConfigured>[0] = {}) => {
  const { standIn, config, close } = await openConfigured(options);
  context.after(close);
  const own = await openSmtx(config);
  context.after(() => own.close());
  return { standIn, config, own, driver: withCustomer(own, standIn) };
};

const createFile = async (driver: StorageDriver, name: string): Promise<ObjectConfig> => {
  const { administration } = driver;
  assert(administration !== undefined);
  const [made] = await administration.createObjects([{ kind: "nfs-file", name, size: sizeBytes, geometry: striped }]);
  return made ?? assert.fail(name);
};

const rebuilding = (object: ObjectConfig, name: string, key = "restore") => ({
  ...{ key, owner, fromGroupId: groupId(1), object, name },
});

const contentOf = async (driver: StorageDriver, { volumes }: ObjectConfig): Promise<Buffer> => {
  const handle = await driver.openVolume(volumes[0]?.id ?? "", "read");
  const bytes = Buffer.alloc(handle.sizeBytes);
  await handle.read(0, bytes);
  await handle.close();
  return bytes;
};

const ours = (names: readonly { readonly name: string }[]) =>
  names.map(({ name }) => name).filter((name) => name.startsWith("smtx-backup.re"));

test("a striped file is snapshotted with a LUN at one instant, and of it only what was written has changed", async (context) => {
  const { driver } = await opened(context);
  const file = await createFile(driver, "/exports/e1/vm/web.vmdk");
  const lun = await driver.createVolume({ kind: "lun", name: "lun", sizeBytes });
  assert.deepEqual(volumeOf(file).geometry, striped);
  for (const [n, object] of [file, lun].entries()) await write(driver, volumeOf(object).id, [0, noise(sizeBytes, n)]);
  const first = await take(driver, 1, [file, lun], 1);
  // In the third stripe of the group of four: the third extent's.
  await write(driver, volumeOf(file).id, [(4 + 2) * 64 * KiB, noise(4 * KiB, 9)]);
  await take(driver, 2, [file, lun], 2);
  for (const [n, object] of [file, lun].entries()) {
    const read = await readSnapshot(driver, await snapshotOf(driver, first.groupId, volumeOf(object).id));
    assert.ok(read.equals(noise(sizeBytes, n)), object.name);
  }
  const [before, after] = [1, 2].map(async (n) =>
    tokensOf(driver, await snapshotOf(driver, groupId(n), volumeOf(file).id)),
  );
  const [then, now] = [await before, await after];
  assert.deepEqual(
    now?.map((token, extent) => token !== then?.[extent]),
    [false, false, true, false],
  );
});

test("snapshots of all kinds that are opened at once are read through one target", async (context) => {
  const { driver, standIn } = await opened(context);
  const file = await createFile(driver, "/exports/e1/web.vmdk");
  const rest = await Promise.all(
    (["lun", "volume"] as const).map((kind) => driver.createVolume({ kind, name: kind, sizeBytes })),
  );
  const objects = [...rest, file];
  for (const [n, object] of objects.entries()) await write(driver, volumeOf(object).id, [0, noise(sizeBytes, n)]);
  const { snapshots } = await take(driver, 1, objects, 1);
  const read = await Promise.all(snapshots.map(({ snapshotId }) => readSnapshot(driver, snapshotId)));
  assert.deepEqual(
    read.map((bytes, n) => bytes.equals(noise(sizeBytes, n))),
    [true, true, true],
  );
  const targets = standIn.tower.model.targets.all().filter(({ name }) => name === "smtx-backup.read");
  assert.equal(targets.length, 1);
});

test("a file that is made again is read over NFS as it was, in its directory", async (context) => {
  if (!(await needNfs(context))) return;
  const { driver, standIn } = await opened(context);
  const object = fileOfSource();
  await publishAll(driver, 1, [object]);
  await driver.rebuildObject(rebuilding(object, "/exports/e1/vm/images/again.vmdk"));
  const read = await readOverNfs(standIn, { export: "e1", path: "vm/images/again.vmdk" });
  assert.ok(read.equals(bytesIn(1, object.volumes[0]?.id ?? "")));
  assert.deepEqual(ours(standIn.tower.model.luns.all()), []);
});

for (const name of ["/exports/e1/two words.img", "/exports/e1/été.img", "/exports/e1/-f"]) {
  test(`${name} is refused before anything is made: the nodes' script lets no such name through`, async (context) => {
    const { own, standIn } = await opened(context);
    const object = fileOfSource();
    await publishAll(own, 1, [object]);
    const [obstacle] = await own.rebuildObstacles(rebuilding(object, name));
    assert.match(`${obstacle?.code} ${obstacle?.hint}`, /BAD_REQUEST .*--rename/);
    await rejects(own.rebuildObject(rebuilding(object, name)), "BAD_REQUEST");
    assert.deepEqual(ours(standIn.tower.model.luns.all()), []);
  });
}

test("an export is made for a file that lies in it directly; a directory is asked for before anything is made", async (context) => {
  const { driver, own, standIn } = await opened(context);
  const object = fileOfSource();
  await publishAll(driver, 1, [object]);
  const nested = rebuilding(object, object.name);
  const [obstacle, ...others] = await own.rebuildObstacles(nested);
  assert.deepEqual([obstacle?.code, others.length], ["DIRECTORY_UNKNOWN", 0]);
  assert.match(obstacle?.hint ?? "", /mount the export/);
  await rejects(own.rebuildObject(nested), "DIRECTORY_UNKNOWN");
  assert.deepEqual([...ours(standIn.tower.model.luns.all()), ...standIn.tower.model.nfsExports.all()], []);

  const direct = rebuilding(object, "/exports/e1/web.vmdk");
  assert.deepEqual(await own.rebuildObstacles(direct), []);
  const made = await own.rebuildObject(direct);
  assert(made.kind === "nfs-file");
  // CloudTower gives an export no description.
  const { description: _, ...settings } = object.file.settings ?? {};
  assert.deepEqual(made.file, { export: "e1", path: "web.vmdk", settings });
  assert.ok((await contentOf(driver, made)).equals(bytesIn(1, object.volumes[0]?.id ?? "")));
});

test("a cluster that makes no file of a LUN says so, and nothing is left of what was tried", async (context) => {
  const { driver, own, standIn } = await opened(context, { behaviour: { makesFiles: false } });
  const object = fileOfSource();
  await publishAll(driver, 1, [object]);
  const options = rebuilding(object, "/exports/e1/web.vmdk");
  await assert.rejects(own.rebuildObject(options), { code: "CLUSTER_TASK_FAILED", message: /no such command/ });
  const made = await theOnly(driver, "nfs-file", (one) => !isMirror(one));
  await own.deleteRebuilt({ key: options.key, owner, object: made });
  assert.deepEqual(ours(standIn.tower.model.luns.all()), []);
  assert.deepEqual(
    (await own.inventory()).filter((one) => !isMirror(one)),
    [],
  );
});

test("of a cluster that was seen to make no files it is known before anything is made", async (context) => {
  const { config, driver, own, standIn } = await opened(context, { behaviour: { makesFiles: false } });
  const object = fileOfSource();
  await publishAll(driver, 1, [object]);
  await probeCluster(config, { contentBytes: 256 * KiB });
  const options = rebuilding(object, "/exports/e1/web.vmdk");
  const obstacles = await own.rebuildObstacles(options);
  assert.deepEqual(
    obstacles.map(({ code }) => code),
    ["OBJECT_KIND_UNSUPPORTED"],
  );
  await rejects(own.rebuildObject(options), "OBJECT_KIND_UNSUPPORTED");
  assert.deepEqual(ours(standIn.tower.model.luns.all()), []);
});

test("what somebody puts where a file was to be stays, and the restore says that it is there", async (context) => {
  const { driver, own, standIn } = await opened(context, { behaviour: { makesFiles: false } });
  const object = fileOfSource();
  await publishAll(driver, 1, [object]);
  const options = rebuilding(object, "/exports/e1/web.vmdk");
  await rejects(own.rebuildObject(options), "CLUSTER_TASK_FAILED");
  standIn.behaviour.makesFiles = true;
  const [theirs] = await standIn.administration.createObjects([
    { kind: "nfs-file", name: "/exports/e1/web.vmdk", size: sizeBytes },
  ]);
  await rejects(own.rebuildObject(options), "OBJECT_NAME_TAKEN");
  const made = await theOnly(driver, "nfs-file", (one) => !isMirror(one));
  await own.deleteRebuilt({ key: options.key, owner, object: made });
  assert.ok(standIn.customer.zbsVolume(theirs?.id ?? ""));
  const left = (await own.inventory()).filter((one): one is NfsFileObject => one.kind === "nfs-file" && !isMirror(one));
  assert.deepEqual(
    left.map(({ name, origin }) => [name, origin]),
    [["/exports/e1/web.vmdk", undefined]],
  );
});

test("a file is rolled back to what a group has of it, and forward again", async (context) => {
  const { driver } = await opened(context);
  const file = await createFile(driver, "/exports/e1/web.vmdk");
  await write(driver, volumeOf(file).id, [0, noise(sizeBytes, 1)]);
  await take(driver, 1, [file], 1);
  await write(driver, volumeOf(file).id, [0, noise(sizeBytes, 2)]);
  const [changes] = await driver.changesSince({ owner, groupId: groupId(1), objects: [file] });
  assert.equal(changes?.extents, 4);
  await take(driver, 2, [file]);
  await driver.rollback(back(1, 2, [file]));
  assert.ok((await contentOf(driver, file)).equals(noise(sizeBytes, 1)));
  await take(driver, 3, [file]);
  await driver.rollback(back(2, 3, [file]));
  assert.ok((await contentOf(driver, file)).equals(noise(sizeBytes, 2)));
});

test("a rollback of a file that is cut off in the middle is undone", async (context) => {
  const { driver, standIn } = await opened(context);
  const [file, other] = [await createFile(driver, "/exports/e1/a"), await createFile(driver, "/exports/e1/b")];
  const both = [file, other];
  const fill = (seed: number) =>
    Promise.all(both.map((object) => write(driver, volumeOf(object).id, [0, noise(sizeBytes, seed)])));
  const isAll = async (seed: number) =>
    Promise.all(both.map(async (object) => (await contentOf(driver, object)).equals(noise(sizeBytes, seed))));
  await fill(1);
  await take(driver, 1, both, 1);
  await fill(2);
  await take(driver, 2, both);
  const cut = new AbortController();
  const rolling = driver.rollback(back(1, 2, both), {
    signal: cut.signal,
    onMoved: () => {
      if (standIn.commands.ran.some((line) => line.startsWith("zbs-nfs snapshot rollback_by_id"))) cut.abort();
    },
  });
  await assert.rejects(rolling);
  assert.deepEqual((await isAll(1)).toSorted(), [false, true]);
  await driver.undoRollback({ key: groupId(2), owner });
  assert.deepEqual(await isAll(2), [true, true]);
});

test("without the command line no files are protected, and nobody is let believe that they are", async (context) => {
  const { driver, own } = await opened(context, { hasShell: false });
  const file = await createFile(driver, "/exports/e1/web.vmdk");
  assert.deepEqual((await own.facilities()).kinds, ["lun", "volume", "vm"]);
  await rejects(take(driver, 1, [file], 1), "OBJECT_KIND_UNSUPPORTED");
  await rejects(own.prepareMirror({ owner, object: file }), "OBJECT_KIND_UNSUPPORTED");
});

test("a node that does not tell of a file hides neither it nor anything else", async (context) => {
  const { driver, standIn, config } = await opened(context);
  const file = await createFile(driver, "/exports/e1/web.vmdk");
  const sshd = await standIn.ssh();
  await sshd.stop();
  const reopened = withCustomer(await openSmtx(config), standIn);
  context.after(() => reopened.close());
  assert.deepEqual(
    (await reopened.inventory()).map(({ id }) => id),
    [file.id],
  );
  await sshd.resume();
  assert.deepEqual(volumeOf((await reopened.inventory())[0] ?? assert.fail("it is gone")).geometry, striped);
});
