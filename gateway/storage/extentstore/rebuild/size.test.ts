import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { groupId, owner } from "../../conformance/fixtures.ts";
import { type Disk, systemDisk } from "../data/disk.ts";
import { ExtentStore } from "../extentstore.ts";

const GiB = 2 ** 30;
const extentBytes = 2 ** 28;

/** The system's disk, and what was done with its data files. */
const countingDisk = () => {
  const done: string[] = [];
  const counted: Disk = {
    ...systemDisk,
    create: (path) => {
      done.push(`create ${path}`);
      return systemDisk.create(path);
    },
    read: (fd, into, offset) => {
      done.push(`read ${into.byteLength}`);
      return systemDisk.read(fd, into, offset);
    },
    write: (fd, bytes, offset) => {
      done.push(`write ${bytes.byteLength}`);
      return systemDisk.write(fd, bytes, offset);
    },
  };
  return { counted, done };
};

test("a rebuild reads and writes no data, whatever the size: 64 GiB, of which every extent holds some", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "rebuild-size-"));
  context.after(() => rm(dir, { recursive: true }));
  const { counted, done } = countingDisk();
  const store = await ExtentStore.open(dir, { disk: counted });
  context.after(() => store.close());
  const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
  const object = await store.createVolume({ name: "large", kind: "volume", sizeBytes: 64 * GiB, geometry });
  const handle = await store.openVolume(object.id, "write");
  for (let extent = 0; extent < (64 * GiB) / extentBytes; extent += 1) {
    await handle.write(extent * extentBytes, Buffer.alloc(4096, extent + 1));
  }
  await handle.flush();
  await handle.close();
  assert.ok(done.length > 0, "the disk counts what is written");
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [object.id], objects: [object] });
  done.length = 0;
  for (let n = 0; n < 10; n += 1) {
    await store.rebuildObject({ key: `${n}`, owner, fromGroupId: groupId(1), object, name: `again-${n}` });
  }
  assert.deepEqual(done, []);
  const last = (await store.inventory()).find(({ name }) => name === "again-9") ?? assert.fail("it was not made");
  const reader = await store.openVolume(last.id, "read");
  const bytes = Buffer.alloc(4096);
  await reader.read(254 * extentBytes, bytes);
  await reader.close();
  assert.ok(bytes.equals(Buffer.alloc(4096, 255)));
  assert.ok(done.length > 0, "the disk counts what is read");
});
