import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { createVolume, groupId, noise, owner, write } from "../../conformance/fixtures.ts";
import { ExtentStore } from "../extentstore.ts";
import { memoryDir } from "../testing/memory-dir.ts";
import { dataFileSizes, sum } from "../testing/space.ts";

const mib = 1024 * 1024;

test("a deletion tells whenever it has given something back, and called off it leaves the rest to the next one", async (t) => {
  const dir = await memoryDir("extentstore-collect");
  const store = await ExtentStore.open(dir);
  t.after(async () => {
    await store.close();
    await rm(dir, { recursive: true });
  });
  // Of each data file three quarters are dead when its volume's group is gone.
  let volumeId = "";
  for (let n = 1; n <= 2; n++) {
    volumeId = await createVolume(store, { name: `v${n}`, sizeBytes: mib });
    await write(store, volumeId, [0, noise(mib, n)]);
    await store.snapshotGroup({ groupId: groupId(n), owner, volumeIds: [volumeId] });
    await write(store, volumeId, [0, Buffer.alloc((3 * mib) / 4)]);
  }
  const full = sum(dataFileSizes(dir));
  const stop = new AbortController();
  await store.deleteGroup({ groupId: groupId(1), owner }, { signal: stop.signal, onMoved: () => stop.abort() });
  assert.ok(stop.signal.aborted, "it has told");
  assert.equal(await store.findGroup(groupId(1)), undefined);
  assert.equal(sum(dataFileSizes(dir)), full);
  let moves = 0;
  await store.deleteGroup({ groupId: groupId(2), owner }, { onMoved: () => moves++ });
  assert.ok(moves > 1, `${moves} moves`);
  assert.ok(sum(dataFileSizes(dir)) < full / 2, "what was left is given back as well");
  moves = 0;
  await store.deleteVolume(volumeId, { onMoved: () => moves++ });
  assert.ok(moves > 0);
});
