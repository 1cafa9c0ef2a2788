import assert from "node:assert/strict";
import { groupId, noise, owner, plain, sender, sourceObject, takenAt } from "../../conformance/fixtures.ts";
import type { StorageDriver } from "../../driver.ts";
import { mirrorSetOf } from "../../mirror-set.ts";

/*
 * A life of a store in numbered steps, the same every time it is lived: each step writes
 * two volumes, snapshots them, sends the first one's state to a mirror and publishes it,
 * deletes older groups, and imports an image over a third volume. Any step may be done
 * again after being cut anywhere.
 */

export const volumeBytes = 1024 * 1024;
const changesPerStep = 3;
const groupsKept = 3;

/** Applies what step `n` writes to the state after step n - 1. */
export const applyStep = (state: Buffer, n: number): void => {
  for (const { offset, data } of changesOf(n)) data.copy(state, offset);
};

export const sourceGroup = (n: number) => groupId(n * 2);
export const mirrorGroup = (n: number) => groupId(n * 2 + 1);

const changesOf = (n: number) =>
  Array.from({ length: changesPerStep }, (_, i) => {
    const data = noise(1 + ((n * 7919 + i * 104_729) % 150_000), n * changesPerStep + i);
    if ((n + i) % 4 === 0) data.fill(0);
    return { offset: (n * 15_485_863 + i * 32_452_843) % (volumeBytes - data.byteLength), data };
  });

export interface Life {
  readonly volumeIds: readonly string[];
  readonly mirrorVolumeId: string;
  readonly importedVolumeId: string;
  /** What the first volume holds. */
  readonly state: Buffer;
}

/** Lives step `n`; `say` hears of everything that is promised to last. */
export const liveStep = async (
  driver: StorageDriver,
  life: Life,
  n: number,
  say: (what: string) => void,
): Promise<void> => {
  for (const volumeId of life.volumeIds) {
    const handle = await driver.openVolume(volumeId, "write");
    for (const { offset, data } of changesOf(n)) await handle.write(offset, data);
    await handle.flush();
    say(`written ${n} ${volumeId}`);
    await handle.close();
  }
  applyStep(life.state, n);
  await driver.snapshotGroup({ groupId: sourceGroup(n), owner, volumeIds: life.volumeIds });
  say(`snapshot ${n}`);
  if ((await driver.findGroup(mirrorGroup(n))) === undefined) await sendStep(driver, life, n);
  say(`published ${n}`);
  await driver.deleteGroup({ groupId: sourceGroup(n - groupsKept), owner });
  await driver.deleteGroup({ groupId: mirrorGroup(n - groupsKept), owner });
  say(`deleted ${n}`);
  await importStep(driver, life.importedVolumeId, n);
  say(`imported ${n}`);
};

/** What the imported volume holds after step `n`. */
export const importedBytes = (n: number): Buffer => (n < 0 ? Buffer.alloc(volumeBytes) : noise(volumeBytes, n));

const importStep = async (driver: StorageDriver, volumeId: string, n: number): Promise<void> => {
  const staged = await driver.stageVolume?.({ into: volumeId });
  assert(staged !== undefined);
  const image = importedBytes(n);
  await staged.write(0, image.subarray(0, volumeBytes / 2));
  await staged.flush();
  await staged.write(volumeBytes / 2, image.subarray(volumeBytes / 2));
  await staged.swapIn();
  await staged.close();
};

const sendStep = async (driver: StorageDriver, life: Life, n: number): Promise<void> => {
  const { mirrorVolumeId, state } = life;
  const base = (await driver.findGroup(mirrorGroup(n - 1)))?.groupId ?? null;
  const run = { groupId: mirrorGroup(n), sequence: n + 1, sender };
  await driver.prepareMirror({ owner, object: sourceObject(), run: { ...run, index: 0 } });
  const session = { owner, mirrorVolumeId, ...run, baseGroupId: base, sizeBytes: volumeBytes, geometry: plain };
  const { epoch, done } = await driver.openMirror(session);
  const extentBytes = 256 * 1024;
  for (let extent = 0; extent < volumeBytes / extentBytes; extent++) {
    if (done.includes(extent)) continue;
    const writer = await driver.openMirrorExtent({ mirrorVolumeId, epoch, extent });
    await writer.write(extent * extentBytes, state.subarray(extent * extentBytes, (extent + 1) * extentBytes));
    await writer.commit();
  }
  await driver.completeMirror({ mirrorVolumeId, epoch });
  await driver.publishGroup({
    groupId: mirrorGroup(n),
    owner,
    sequence: n + 1,
    takenAt,
    mirrors: mirrorSetOf([mirrorVolumeId]),
    planName: "daily",
    objects: [],
  });
};
