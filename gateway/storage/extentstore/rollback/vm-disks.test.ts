import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import { type ObjectSpec, objectSpecSchema } from "../../../../core/api/object-spec.ts";
import { groupId, noise, owner, plain, readVolume, rejects, volumeOf, write } from "../../conformance/fixtures.ts";
import { back, take } from "../../conformance/rollback.ts";
import { ExtentStore } from "../extentstore.ts";

const MiB = 1024 ** 2;
const sized = { size: "2MiB", geometry: plain };

const storeTest = (title: string, swaps: boolean, body: (store: ExtentStore) => Promise<void>): void => {
  test(title, async () => {
    const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
    const store = await ExtentStore.open(dir, { swaps });
    try {
      await body(store);
    } finally {
      await store.close();
      await rm(dir, { recursive: true });
    }
  });
};

/** A volume “x”, and a VM “web” that has it beside a disk of its own. */
const volumeAndVm = async (store: ExtentStore, more: object = {}) => {
  const specs: ObjectSpec[] = [
    { kind: "volume", name: "x", ...sized, ...more },
    { kind: "vm", name: "web", vcpu: 1, memory: "1GiB", disks: [{ name: "web-0", ...sized }, { volume: "x" }] },
  ].map((spec) => objectSpecSchema.parse(spec));
  const [volume, vm] = await store.administration.createObjects(specs);
  assert.ok(volume && vm);
  return { volume, vm };
};

const disksOf = async (store: ExtentStore, vm: ObjectConfig): Promise<readonly string[]> => {
  const [now] = await store.findObjects([vm]);
  assert.ok(now?.kind === "vm");
  return now.vm.disks.map(({ name }) => name);
};

const without = { disks: [{ volume: "web-0" }] };

for (const swaps of [true, false]) {
  describe(`a VM that is rolled back ${swaps ? "by a swap" : "in place"}`, () => {
    storeTest("is not, while a disk that it had is written, which is a volume by itself now", swaps, async (store) => {
      const { volume, vm } = await volumeAndVm(store);
      await take(store, 1, [vm], 1);
      await store.administration.updateObject(vm, without);
      const handle = await store.openVolume(volumeOf(volume).id, "write");
      await take(store, 2, [vm]);
      const [changes] = await store.changesSince({ owner, groupId: groupId(1), objects: [vm] });
      assert.match(changes?.usedBy?.why ?? "", /“x” is open for writing/);
      await rejects(store.rollback(back(1, 2, [vm])), "OBJECT_BUSY");
      await handle.write(0, noise(MiB, 5));
      await handle.close();
      assert.deepEqual(await disksOf(store, vm), ["web-0"]);
      assert.ok((await readVolume(store, volumeOf(volume).id)).subarray(0, MiB).equals(noise(MiB, 5)));
    });

    storeTest("does not take a disk from another VM that shares it since", swaps, async (store) => {
      const { volume, vm } = await volumeAndVm(store);
      await take(store, 1, [vm], 1);
      await store.administration.updateObject(volume, { sharing: true });
      const spec = { kind: "vm", name: "other", vcpu: 1, memory: "1GiB", disks: [{ volume: "x" }] };
      await store.administration.createObjects([objectSpecSchema.parse(spec)]);
      await take(store, 2, [vm]);
      await rejects(store.rollback(back(1, 2, [vm])), "OBJECT_BUSY");
    });

    storeTest("has each disk once, also one that may be shared since", swaps, async (store) => {
      const { volume, vm } = await volumeAndVm(store);
      await take(store, 1, [vm], 1);
      await store.administration.updateObject(volume, { sharing: true });
      await take(store, 2, [vm]);
      await store.rollback(back(1, 2, [vm]));
      assert.deepEqual(await disksOf(store, vm), ["web-0"]);
      await store.administration.updateObject(volume, { sharing: false });
      assert.deepEqual(await disksOf(store, vm), ["web-0", "x"]);
    });
  });
}

/** The volume is changed after group 1 and is group 2; then it is half of each. */
const halfRolledBack = async (store: ExtentStore, volume: ObjectConfig) => {
  const { id } = volumeOf(volume);
  await write(store, id, [0, noise(2 * MiB, 1)]);
  await take(store, 1, [volume], 1);
  await write(store, id, [0, noise(2 * MiB, 2)]);
  await take(store, 2, [volume]);
  const cutting = new AbortController();
  const call = { signal: cutting.signal, onMoved: () => cutting.abort() };
  await assert.rejects(store.rollback(back(1, 2, [volume]), call));
};

describe("a volume that is half rolled back", () => {
  for (const sharing of [true, false]) {
    storeTest(`is used by no VM that has it, ${sharing ? "shared" : "as its own disk"}`, false, async (store) => {
      const { volume, vm } = await volumeAndVm(store, { sharing });
      await halfRolledBack(store, volume);
      await rejects(store.administration.setPower(vm, "on"), "ROLLBACK_UNFINISHED");
      await rejects(store.administration.updateObject(vm, without), "ROLLBACK_UNFINISHED");
      await rejects(store.administration.deleteObject(vm), "ROLLBACK_UNFINISHED");
      assert.deepEqual(await store.unfinishedRollbacks([vm]), [{ key: groupId(2), owner }]);
      await store.rollback(back(1, 2, [volume]));
      await store.administration.setPower(vm, "on");
    });
  }

  storeTest("keeps the safety group by which it is being undone", false, async (store) => {
    const { volume } = await volumeAndVm(store);
    await halfRolledBack(store, volume);
    const undone = { key: groupId(2), owner };
    await assert.rejects(store.undoRollback(undone, { signal: AbortSignal.abort() }));
    await rejects(store.deleteGroup({ groupId: groupId(2), owner }), "ROLLBACK_UNFINISHED");
    await store.deleteGroup({ groupId: groupId(1), owner });
    assert.deepEqual(await store.undoRollback(undone), { wasDone: false });
    assert.ok((await readVolume(store, volumeOf(volume).id)).equals(noise(2 * MiB, 2)));
    await store.deleteGroup({ groupId: groupId(2), owner });
  });
});
