import assert from "node:assert/strict";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import {
  groupId,
  noise,
  openMirror,
  owner,
  prepareMirror,
  publish,
  readSnapshot,
  readVolume,
  sendAll,
  snapshotOf,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import type { RecoveredPlan } from "../../../gateway/storage/smtx/manifests/lost-records.ts";
import { listAreas, manifestArea } from "../../../gateway/storage/smtx/manifests/manifest-lun.ts";
import type { Area } from "../../../gateway/storage/smtx/manifests/sheet.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { namesOn } from "../reaper/names-on.ts";
import type { ClusterBehaviour } from "../rest/storage.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { configOf, openDriver } from "./under-test.ts";
import { withCustomer } from "./with-customer.ts";

const MiB = 2 ** 20;
const [first, second] = [noise(MiB, 1), noise(MiB, 1)];
second.fill(0x5a, 0, 4096);

const object: ObjectConfig = sourceObject();

/** A cluster with two groups of a plan of elsewhere, whose ledger somebody has deleted. */
const withLostLedger = async (
  context: TestContext,
  { hasShell = true, ...behaviour }: Partial<ClusterBehaviour> & { readonly hasShell?: boolean } = {},
) => {
  const standIn = await ClusterStandIn.open({ behaviour });
  const drivers: StorageDriver[] = [];
  context.after(async () => {
    for (const driver of drivers) await driver.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  const driver = await openDriver(standIn);
  const mirror = await prepareMirror(driver, object);
  for (const [group, bytes] of [first, second].entries()) {
    await sendAll(driver, mirror, { group: group + 1, bytes, ...(group > 0 && { base: group }) });
    await publish(driver, group + 1, mirror);
  }
  const groups = await driver.foreignGroups();
  const manifests = await Promise.all(groups.map(({ group }) => driver.foreignManifest(group.groupId)));
  await driver.close();
  await deleteLun(standIn, "smtx-backup.ledger");
  let told: readonly RecoveredPlan[] | undefined;
  const again = async (more: { readonly signal?: AbortSignal; readonly onMoved?: () => void } = {}) => {
    told = undefined;
    const opened = await openDriver(standIn, { ...more, hasShell, onRecovered: (plans) => (told = plans) });
    drivers.push(opened);
    return withCustomer(opened, standIn);
  };
  return { standIn, groups, manifests, mirror, again, told: () => told };
};

const deleteLun = async (standIn: ClusterStandIn, name: string): Promise<void> => {
  const lun = standIn.tower.model.luns.all().find((one) => one.name === name);
  assert(lun !== undefined, `there is no LUN ${name}`);
  await standIn.customer.deleteVolume(lun.id);
};

const lunsOfMirrors = (standIn: ClusterStandIn) =>
  namesOn(standIn).filter((name) => name.startsWith("lun smtx-backup.mirror"));

test("a cluster whose ledger is gone knows its foreign plans, rebuilds from them and goes on with them", async (context) => {
  const { standIn, groups, manifests, mirror, again, told } = await withLostLedger(context);
  const driver = await again();
  assert.deepEqual(told(), [{ ...owner, groups: 2, unread: 0 }]);

  assert.equal(groups.length, 2);
  assert.deepEqual(await driver.foreignGroups(), groups);
  assert.deepEqual(await Promise.all(groups.map(({ group }) => driver.foreignManifest(group.groupId))), manifests);
  for (const [n, bytes] of [first, second].entries()) {
    assert.ok((await readSnapshot(driver, await snapshotOf(driver, groupId(n + 1), mirror))).equals(bytes));
  }

  const wish = { key: "restored", owner, fromGroupId: groupId(2), object, name: "restored" };
  const rebuilt = await driver.rebuildObject(wish);
  assert.ok((await readVolume(driver, rebuilt.volumes[0]?.id ?? "")).equals(second));

  const third = Buffer.from(second);
  third.fill(0x77, 300_000, 308_192);
  const next = await prepareMirror(driver, object);
  await sendAll(driver, next, { group: 3, base: 2, bytes: third });
  await publish(driver, 3, next);
  assert.ok((await readSnapshot(driver, await snapshotOf(driver, groupId(3), next))).equals(third));

  await driver.tend({ time: steadyTime });
  assert.equal(lunsOfMirrors(standIn).length, 1, "the mirror that was written before is nobody's");
  assert.ok((await readSnapshot(driver, await snapshotOf(driver, groupId(1), mirror))).equals(first));

  await driver.close();
  await deleteLun(standIn, "smtx-backup.ledger");
  assert.equal((await (await again()).foreignGroups()).length, 3, "and what was found again is found once more");
});

test("so does one whose LUNs become no others' snapshots", async (context) => {
  const { again } = await withLostLedger(context, { rollsBackToOthers: false });
  const driver = await again();
  const next = await prepareMirror(driver, object);
  const { epoch } = await openMirror(driver, next, { group: 3, base: 2 });
  await driver.completeMirror({ mirrorVolumeId: next, epoch });
  await publish(driver, 3, next);
  assert.ok((await readSnapshot(driver, await snapshotOf(driver, groupId(3), next))).equals(second));
});

test("they are known again also where a probe is the first that looks", async (context) => {
  const { standIn, groups, again } = await withLostLedger(context);
  const dir = await mkdtemp(join(tmpdir(), "probe-"));
  context.after(() => rm(dir, { recursive: true, force: true }));
  await probeCluster(await configOf(standIn, dir));
  assert.deepEqual(await (await again()).foreignGroups(), groups);
});

test("several gateways that start at once know them again", async (context) => {
  const { groups, again } = await withLostLedger(context);
  const drivers = await Promise.all([again(), again(), again()]);
  for (const driver of drivers) assert.deepEqual(await driver.foreignGroups(), groups);
});

test("whoever dies while it finds them leaves the rest to the next one", async (context) => {
  const { groups, again, told } = await withLostLedger(context);
  const dying = new AbortController();
  await assert.rejects(again({ signal: dying.signal, onMoved: () => dying.abort(new Error("died")) }));
  const driver = await again();
  assert.deepEqual(told(), [{ ...owner, groups: 2, unread: 0 }]);
  assert.deepEqual(await driver.foreignGroups(), groups);
});

test("a group whose manifest can't be read is told of, and nothing of it is removed", async (context) => {
  const { standIn, groups, again, told } = await withLostLedger(context);
  const { zbs } = standIn.cluster.storage;
  const lun = standIn.tower.model.luns.all().find(({ name }) => name.startsWith("smtx-backup.manifest."));
  const [oldest] = zbs.all().filter(({ snapshotOf: of }) => of === lun?.zbs_volume_id);
  assert(oldest !== undefined);
  const file = await open(oldest.path, "r+");
  await file.write(Buffer.from("damaged"), 0, 7, manifestArea.offset + 4096);
  await file.close();
  const before = namesOn(standIn).filter((name) => /snapshot|mirror/.test(name));

  const driver = await again();
  assert.deepEqual(told(), [{ ...owner, groups: 1, unread: 1 }]);
  assert.deepEqual(await driver.foreignGroups(), groups.slice(0, 1));
  await driver.tend({ time: steadyTime });
  assert.deepEqual(
    namesOn(standIn).filter((name) => /snapshot|mirror/.test(name)),
    before,
  );
});

test("a group that was deleted before the ledger was lost stays deleted", async (context) => {
  const { standIn, groups, again } = await withLostLedger(context);
  const driver = await again();
  await driver.deleteGroup({ groupId: groupId(1), owner });
  await driver.close();
  await deleteLun(standIn, "smtx-backup.ledger");
  assert.deepEqual(await (await again()).foreignGroups(), groups.slice(0, 1));
});

const manifestFile = (standIn: ClusterStandIn) => {
  const lun = standIn.tower.model.luns.all().find(({ name }) => name.startsWith("smtx-backup.manifest."));
  return open(standIn.customer.zbsVolume(lun?.id ?? "").path, "r+");
};

/** As if their writers had died in the middle. */
const damageLists = async (standIn: ClusterStandIn, lists: readonly Area[] = listAreas): Promise<void> => {
  await using file = await manifestFile(standIn);
  for (const { offset } of lists) await file.write(Buffer.from("damaged"), 0, 7, offset + 4096);
};

const listIn = async (standIn: ClusterStandIn, { offset }: Area): Promise<Buffer> => {
  await using file = await manifestFile(standIn);
  return (await file.read(Buffer.alloc(16_384), 0, 16_384, offset)).buffer;
};

test("a plan whose groups nobody can list any more is told of, and keeps its mirrors", async (context) => {
  const { standIn, again, told } = await withLostLedger(context);
  await damageLists(standIn);
  const mirrors = lunsOfMirrors(standIn);
  const driver = await again();
  assert.deepEqual(told(), [{ ...owner, groups: 0, unread: null }]);
  assert.deepEqual(await driver.foreignGroups(), []);
  await driver.tend({ time: steadyTime });
  assert.deepEqual(lunsOfMirrors(standIn), mirrors);
});

test("a list that was written in part is written again, and never the whole one", async (context) => {
  const { standIn, again } = await withLostLedger(context);
  const driver = await again();
  const [whole, torn] = listAreas;
  await damageLists(standIn, [torn]);
  const before = await listIn(standIn, whole);
  const mirror = await prepareMirror(driver, object);
  await sendAll(driver, mirror, { group: 3, base: 2, bytes: first });
  await publish(driver, 3, mirror);
  assert.ok((await listIn(standIn, whole)).equals(before));
});

test("a group whose manifest the cluster gives late is known again", async (context) => {
  const { standIn, groups, again, told } = await withLostLedger(context, { hasShell: false });
  const fate = { kind: "fails", code: "ENoSpace", message: "another time" } as const;
  standIn.tower.faults.add("clone-iscsi-lun-from-snapshot", { kind: "task", fate }, { times: 2 });
  const driver = await again();
  assert.equal(standIn.tower.faults.left, 0);
  assert.deepEqual(told(), [{ ...owner, groups: 2, unread: 0 }]);
  assert.deepEqual(await driver.foreignGroups(), groups);
});

test("a group that another gateway has found and deleted meanwhile is not made known again", async (context) => {
  const { standIn, groups, again } = await withLostLedger(context);
  let others: Promise<void> | undefined;
  const deleteByOther = async () => {
    const other = await again();
    await other.deleteGroup({ groupId: groupId(2), owner });
  };
  const isRecovery = () => {
    others ??= deleteByOther();
    return true;
  };
  const fate = { kind: "slow", polls: 40 } as const;
  standIn.tower.faults.add("delete-iscsi-lun", { kind: "task", fate }, { isMeant: isRecovery });
  const driver = await again();
  await others;
  assert.deepEqual(await driver.foreignGroups(), groups.slice(1));
});
