import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  createVolume,
  groupId,
  noise,
  owner,
  readSnapshot,
  sourceObject,
  volumeOf,
  write,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { namesOn, openConfigured } from "../probe/configured.ts";
import { PlainClient } from "../stand-in/plain-client.ts";
import { withCustomer } from "./with-customer.ts";

const KiB = 1024;
const sizeBytes = 512 * KiB;

interface Case {
  readonly groupsTakeVolumes: boolean;
  readonly isProbed?: boolean;
  readonly hasShell?: boolean;
  /** The LUN is in a consistency group of the customer's. */
  readonly isGrouped?: boolean;
}

/** A cluster with a LUN and two virtual volumes, and a group of all that was taken there. */
const taken = async (context: TestContext, { groupsTakeVolumes, isProbed, hasShell = false, isGrouped }: Case) => {
  const { standIn, config, close } = await openConfigured({ behaviour: { groupsTakeVolumes }, hasShell });
  context.after(close);
  if (isProbed) await probeCluster(config, { contentBytes: 2 ** 20 });
  const own = await openSmtx(config);
  context.after(() => own.close());
  const driver = withCustomer(own, standIn);
  const lun = volumeOf(await driver.createVolume({ kind: "lun", name: "lun", sizeBytes })).id;
  const volumes = [
    await createVolume(driver, { name: "one", sizeBytes }),
    await createVolume(driver, { name: "two", sizeBytes }),
  ];
  const volumeIds = [lun, ...volumes];
  for (const [index, id] of volumeIds.entries()) await write(driver, id, [0, noise(sizeBytes, index)]);
  const inTower = standIn.tower.model.luns.all().find(({ name }) => name === "lun") ?? assert.fail();
  if (isGrouped) {
    const group = { name: "theirs", cluster_id: standIn.cluster.id, iscsi_luns_ids: [inTower.id], namespaces_ids: [] };
    await new PlainClient(standIn.tower).change("create-consistency-group", [group]);
  }
  const before = new Set(namesOn(standIn));
  const asked = standIn.tower.requests.length;
  const objects = [sourceObject({ sizeBytes })];
  const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds, sequence: 1, objects });
  const operations = standIn.tower.requests.slice(asked).map(({ operation }) => operation);
  return { standIn, driver, group, before, operations };
};

const whole: readonly (Case & { readonly what: string })[] = [
  { what: "by the nodes' command line", groupsTakeVolumes: false, hasShell: true },
  { what: "by a consistency group that takes volumes", groupsTakeVolumes: true },
];
for (const { what, ...how } of whole) {
  test(`a plan of LUNs and volumes is taken at one instant ${what}, and nothing is told of it`, async (context) => {
    const { group } = await taken(context, how);
    assert.deepEqual(group.warnings, undefined);
  });
}

const apart: readonly (Case & { readonly what: string })[] = [
  { what: "a cluster whose groups refuse volumes", groupsTakeVolumes: false },
  { what: "a cluster whose groups were seen to refuse volumes", groupsTakeVolumes: false, isProbed: true },
  { what: "a LUN that is in a customer's own group", groupsTakeVolumes: false, isGrouped: true },
];
for (const { what, ...how } of apart) {
  test(`of ${what} the snapshots are taken one by one, and the group tells how far they are apart`, async (context) => {
    const { standIn, driver, group, before, operations } = await taken(context, how);
    const [warning, ...others] = group.warnings ?? [];
    assert.deepEqual([warning?.code, others], ["SNAPSHOTS_APART", []]);
    const [, ms = "0"] = /up to (\d+) ms apart/.exec(warning?.message ?? "") ?? [];
    assert.ok(Number(ms) > 0, warning?.message);
    assert.deepEqual((await driver.findGroup(groupId(1)))?.warnings, group.warnings);
    const groups = operations.filter((operation) => operation === "create-consistency-group").length;
    // What is not known to be refused is asked for twice.
    assert.equal(groups, how.isProbed ? 1 : how.isGrouped ? 4 : 3);
    for (const [index, { snapshotId }] of group.snapshots.entries()) {
      assert.ok((await readSnapshot(driver, snapshotId)).equals(noise(sizeBytes, index)), `snapshot ${index}`);
    }
    await driver.tend({ time: steadyTime });
    assert.ok((await readSnapshot(driver, group.snapshots[1]?.snapshotId ?? "")).equals(noise(sizeBytes, 1)));
    await driver.deleteGroup({ groupId: groupId(1), owner });
    assert.deepEqual(
      namesOn(standIn).filter((name) => !before.has(name) && name !== "smtx-backup.read"),
      [],
    );
  });
}

test("what an attempt before has taken is not taken again, and counts as old as it is", async (context) => {
  const { standIn, driver } = await taken(context, { groupsTakeVolumes: false });
  const { model, faults } = standIn.tower;
  const before = new Set(model.vmVolumeSnapshots.all());
  const fate = { kind: "fails", code: "ENoSpace", message: "the pool is full" } as const;
  faults.add("create-vm-volume-snapshot", { kind: "task", fate });
  const volumeIds = (await driver.findGroup(groupId(1)))?.snapshots.map(({ volumeId }) => volumeId) ?? [];
  const again = { groupId: groupId(2), owner, volumeIds, sequence: 2, objects: [sourceObject({ sizeBytes })] };
  await assert.rejects(driver.snapshotGroup(again), { code: "CLUSTER_TASK_FAILED" });
  assert.deepEqual(model.groups.all(), []);
  const [first, ...more] = model.vmVolumeSnapshots.all().filter((one) => !before.has(one));
  assert.deepEqual([first?.lun_snapshot === undefined, more], [false, []]);
  if (first?.lun_snapshot) first.lun_snapshot.local_created_at = new Date(Date.now() - 600_000).toISOString();
  const { warnings = [] } = await driver.snapshotGroup(again);
  assert.equal(model.vmVolumeSnapshots.all().length, before.size + 2);
  assert.match(warnings[0]?.message ?? "", /up to 600\d{3} ms apart/);
});
