import assert from "node:assert/strict";
import { createVolume, groupId, noise, owner, readSnapshot, snapshotOf } from "../../conformance/fixtures.ts";
import { ExtentStore } from "../extentstore.ts";

/*
 * A child process that writes a volume of its own, snapshots it, reads the snapshots and deletes
 * some, in a store that others use at the same time.
 */
const rounds = 12;
const volumeBytes = 2 * 1024 * 1024;
const [dir = "", number = "0"] = process.argv.slice(2);
let driver = await ExtentStore.open(dir);
const volumeId = await createVolume(driver, { name: `volume ${number}`, sizeBytes: volumeBytes });
const state = Buffer.alloc(volumeBytes);
const snapshots = new Map<number, { id: string; content: Buffer }>();
for (let round = 0; round < rounds; round++) {
  const handle = await driver.openVolume(volumeId, "write");
  for (let change = 0; change < 3; change++) {
    const data = noise(1 + ((round * 7919 + change * 104_729) % 300_000), round * 3 + change);
    const offset = (round * 15_485_863 + change * 32_452_843) % (volumeBytes - data.byteLength);
    await handle.write(offset, data);
    data.copy(state, offset);
  }
  await handle.close();
  const group = groupId(Number(number) * rounds + round);
  await driver.snapshotGroup({ groupId: group, owner, volumeIds: [volumeId] });
  snapshots.set(round, { id: await snapshotOf(driver, group, volumeId), content: Buffer.from(state) });
  for (const { id, content } of snapshots.values()) assert(content.equals(await readSnapshot(driver, id)));
  const [oldest, older] = [...snapshots.keys()];
  const gone = round % 2 === 0 ? oldest : older;
  if (snapshots.size > 3 && gone !== undefined) {
    await driver.deleteGroup({ groupId: groupId(Number(number) * rounds + gone), owner });
    snapshots.delete(gone);
  }
  if (round % 6 === 5) {
    await driver.close();
    driver = await ExtentStore.open(dir);
  }
}
await driver.close();
