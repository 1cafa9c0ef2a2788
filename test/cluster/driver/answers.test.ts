import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  prepareMirror,
  publish,
  readSnapshot,
  readVolume,
  sendAll,
  sourceObject,
  volumeOf,
  write,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { openConfigured } from "../probe/configured.ts";
import type { ClusterBehaviour } from "../rest/storage.ts";
import { withCustomer } from "./with-customer.ts";

const KiB = 1024;
const sizeBytes = 1024 * KiB;

/** What a cluster may be seen to refuse, each alone and all at once. */
const refusals: readonly (Partial<ClusterBehaviour> & { readonly hasShell?: boolean })[] = [
  { rollsBackToOthers: false },
  { clonesVolumesAnywhere: false },
  { groupsTakeVolumes: false },
  { tablesOfSnapshots: false },
  { clonesShare: false, keepsIdsInClones: false },
  { marksOneRow: false },
  { tellsHoles: false },
  { hasShell: false },
  {
    ...{ rollsBackToOthers: false, clonesVolumesAnywhere: false, groupsTakeVolumes: false },
    ...{ tablesOfSnapshots: false, clonesShare: false, keepsIdsInClones: false, marksOneRow: false },
    tellsHoles: false,
  },
];

for (const { hasShell = true, ...behaviour } of refusals) {
  const what = [...Object.keys(behaviour), ...(hasShell ? [] : ["a command line"])].join(", ");
  test(`a cluster without ${what} is backed up and restored from, the next best way`, async (context) => {
    const { standIn, config, close } = await openConfigured({ behaviour, hasShell });
    context.after(close);
    await probeCluster(config);
    const own = await openSmtx(config);
    context.after(() => own.close());
    const driver = withCustomer(own, standIn);

    const lun = await driver.createVolume({ kind: "lun", name: "lun", sizeBytes });
    const volume = await createVolume(driver, { name: "volume", sizeBytes });
    const volumeIds = [volumeOf(lun).id, volume];
    for (const [index, id] of volumeIds.entries()) await write(driver, id, [0, noise(sizeBytes, index)]);
    const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds, sequence: 1 });
    for (const id of volumeIds) await write(driver, id, [0, noise(64 * KiB, 9)]);
    for (const [index, { snapshotId }] of group.snapshots.entries()) {
      assert.ok((await readSnapshot(driver, snapshotId)).equals(noise(sizeBytes, index)), `snapshot ${index}`);
    }

    const object = sourceObject({ sizeBytes });
    const mirror = await prepareMirror(driver, object);
    await sendAll(driver, mirror, { group: 2, bytes: noise(sizeBytes, 3) });
    await publish(driver, 2, mirror);
    await sendAll(driver, mirror, { group: 3, base: 2, bytes: noise(sizeBytes, 4) });
    await publish(driver, 3, mirror);
    const from = { key: "restore", owner, fromGroupId: groupId(2) };
    const rebuilt = await driver.rebuildObject({ ...from, object, name: "again" });
    assert.ok((await readVolume(driver, volumeOf(rebuilt).id)).equals(noise(sizeBytes, 3)));

    const [way] = await driver.rebuildWays([object]);
    assert.deepEqual(
      way,
      behaviour.rollsBackToOthers === false ? { how: "copy", seconds: null } : { how: "snapshot", seconds: 0 },
    );

    const asVolume = { ...object, kind: "volume", lun: undefined } as const;
    const restoring = driver.rebuildObject({ ...from, key: "another", object: asVolume, name: "as a volume" });
    if (behaviour.rollsBackToOthers !== false) {
      assert.ok((await readVolume(driver, volumeOf(await restoring).id)).equals(noise(sizeBytes, 3)));
    } else {
      await assert.rejects(restoring, (error) => VisibleError.is(error, "OBJECT_KIND_UNSUPPORTED"));
    }
  });
}

test("a cluster that nobody has asked is told of as unknown, and what it refuses is copied", async (context) => {
  const { standIn, config, close } = await openConfigured({ behaviour: { rollsBackToOthers: false }, hasShell: false });
  context.after(close);
  const own = await openSmtx(config);
  context.after(() => own.close());
  const driver = withCustomer(own, standIn);
  const object = sourceObject({ sizeBytes });
  const mirror = await prepareMirror(driver, object);
  await sendAll(driver, mirror, { group: 1, bytes: noise(sizeBytes, 1) });
  await publish(driver, 1, mirror);
  assert.deepEqual(await driver.rebuildWays([object]), [{ how: "snapshot", seconds: null }]);
  const rebuilt = await driver.rebuildObject({ key: "k", owner, fromGroupId: groupId(1), object, name: "again" });
  assert.ok((await readVolume(driver, volumeOf(rebuilt).id)).equals(noise(sizeBytes, 1)));
});
