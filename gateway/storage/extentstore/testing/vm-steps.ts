import assert from "node:assert/strict";
import type { VmObject } from "../../../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import { groupId, plain, readSnapshot, readVolume, sender, strangers, takenAt } from "../../conformance/fixtures.ts";
import { bytesIn, looseVolume, vmOfSource, volumeBytes } from "../../conformance/objects.ts";
import type { MirrorVolume, Owner } from "../../control.ts";
import type { StorageDriver } from "../../driver.ts";
import { mirrorSetOf } from "../../mirror-set.ts";

/*
 * The life of a VM's mirror, beside that in steps.ts: at each step its name and one of its disks
 * change, it is prepared, sent, published and rebuilt, and what is older goes. Any step may be done
 * again after being cut anywhere.
 */

const kept = 3;
const [owner] = strangers.slice(1) as [Owner];

export const vmGroup = (n: number) => groupId(1_000_000 + n);

/** The VM as its source has it at step `n`. */
const vmAt = (n: number): VmObject =>
  vmOfSource({
    name: `web ${n}`,
    disks: [
      { id: "00000000000000d1", index: 0 },
      { id: n % 2 === 0 ? "00000000000000d2" : "00000000000000d3", index: 1 },
    ],
  });

/** The VM's first volume by itself: rebuilt with it, now before and now after it. */
const diskOfVm = looseVolume({ id: "volume-00000000000000d1" });
const diskName = (n: number): string => `${rebuiltName(n)}-web-0`;

const rebuiltName = (n: number): string => `rebuilt ${n}`;

export const liveVmStep = async (driver: StorageDriver, n: number, say: (what: string) => void): Promise<void> => {
  if ((await driver.findGroup(vmGroup(n))) === undefined) await sendVm(driver, n);
  say(`vmPublished ${n}`);
  const rebuild = (object: ObjectConfig, name: string) =>
    driver.rebuildObject({ key: rebuiltName(n), owner, fromGroupId: vmGroup(n), object, name });
  if (n % 2 === 0) await rebuild(diskOfVm, diskName(n));
  const { id } = await rebuild(vmAt(n), rebuiltName(n));
  await rebuild(diskOfVm, diskName(n));
  say(`vmRebuilt ${n} ${id}`);
  await driver.deleteGroup({ groupId: vmGroup(n - kept), owner });
};

const sendVm = async (driver: StorageDriver, n: number): Promise<void> => {
  const group = { groupId: vmGroup(n), sequence: n + 1 };
  const mirrors = await driver.prepareMirror({ owner, object: vmAt(n), run: { ...group, index: 0, sender } });
  for (const mirror of mirrors) await sendVolume(driver, mirror, n);
  const mirrorSet = mirrorSetOf(mirrors.map(({ mirrorVolumeId }) => mirrorVolumeId));
  await driver.publishGroup({ ...group, owner, takenAt, mirrors: mirrorSet, planName: "vms", objects: [null] });
};

const sendVolume = async (
  driver: StorageDriver,
  { sourceVolumeId, mirrorVolumeId }: MirrorVolume,
  n: number,
): Promise<void> => {
  const bytes = bytesIn(n, sourceVolumeId);
  const session = { owner, mirrorVolumeId, groupId: vmGroup(n), sequence: n + 1, sender, baseGroupId: null };
  const { epoch, done } = await driver.openMirror({ ...session, sizeBytes: volumeBytes, geometry: plain });
  for (let extent = 0; extent < volumeBytes / plain.extentBytes; extent++) {
    if (done.includes(extent)) continue;
    const writer = await driver.openMirrorExtent({ mirrorVolumeId, epoch, extent });
    const offset = extent * plain.extentBytes;
    await writer.write(offset, bytes.subarray(offset, offset + plain.extentBytes));
    await writer.commit();
  }
  await driver.completeMirror({ mirrorVolumeId, epoch });
};

/**
 * That the mirror is whole: the VM as it was at one step, with those disks. That the groups and
 * what was rebuilt are what was sent.
 * @param promised the last steps that were said to be published, and rebuilt; -1: none was
 */
export const checkVm = async (
  driver: StorageDriver,
  promised: { readonly published: number; readonly rebuilt: number },
): Promise<void> => {
  const inventory = await driver.inventory();
  const vms = inventory.flatMap((object) => (object.kind === "vm" ? [object] : []));
  const mirrors = vms.filter(({ origin }) => origin?.role === "mirror");
  assert(mirrors.length <= 1, "a mirror was made twice");
  for (const mirror of mirrors) {
    const n = Number(mirror.name.split(" ")[1]);
    assert(n === promised.published || n === promised.published + 1, `${mirror.name} after step ${promised.published}`);
    assert.deepEqual(
      mirror.vm.disks.map(({ index }) => index),
      vmAt(n).vm.disks.map(({ index }) => index),
    );
    assert.equal(mirror.volumes.length, vmAt(n).volumes.length);
  }
  for (let n = Math.max(0, promised.published - kept + 1); n <= promised.published + 1; n++) {
    await checkVmGroup(driver, n, n <= promised.published);
  }
  for (let n = Math.max(0, promised.rebuilt - kept); n <= promised.rebuilt + 1; n++) {
    const rebuilt = vms.filter(({ name }) => name === rebuiltName(n));
    assert(
      rebuilt.length === 1 || (n > promised.rebuilt && rebuilt.length === 0),
      `${rebuilt.length} ${rebuiltName(n)}`,
    );
    for (const vm of rebuilt) {
      await checkRebuilt(driver, vm, n);
      const volumes = inventory.filter(({ kind, name }) => kind === "volume" && name.startsWith(`${rebuiltName(n)}-`));
      assert.deepEqual(
        new Set(volumes.map(({ id }) => id)),
        new Set(vm.volumes.map((volume) => volume.id)),
        "a VM's volume was made twice",
      );
    }
  }
};

const checkVmGroup = async (driver: StorageDriver, n: number, must: boolean): Promise<void> => {
  const group = await driver.findGroup(vmGroup(n));
  if (group === undefined) {
    assert(!must, `the group of step ${n} was promised and is gone`);
    return;
  }
  assert.equal(group.snapshots.length, vmAt(n).volumes.length);
  for (const { sourceVolumeId, snapshotId } of group.snapshots) {
    assert((await readSnapshot(driver, snapshotId)).equals(bytesIn(n, sourceVolumeId)));
  }
};

const checkRebuilt = async (driver: StorageDriver, { vm }: VmObject, n: number): Promise<void> => {
  const sources = vmAt(n).vm.disks;
  assert.equal(vm.disks.length, sources.length);
  for (const [index, { volumeId }] of vm.disks.entries()) {
    assert((await readVolume(driver, volumeId)).equals(bytesIn(n, sources[index]?.volumeId ?? "")));
  }
};
