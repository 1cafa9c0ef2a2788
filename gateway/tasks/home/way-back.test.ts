import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type GroupId, groupIdOf, instantSchema, type RunId, restoreIdOf } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { isRunTask, type RunTask, taskSchema } from "../../../core/api/task.ts";
import { readVolume } from "../../storage/conformance/fixtures.ts";
import type { Owner } from "../../storage/control.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { mirrorSetOf } from "../../storage/mirror-set.ts";
import { createReceiver } from "../../transfer/receiver.ts";
import { sendVolume } from "../../transfer/sender.ts";
import { credentialsOf, site } from "../../transfer/testing/credentials.ts";
import { groupOf, openTwoSites, plan, type TwoSites, writeTo } from "../../transfer/testing/two-sites.ts";
import type { TransferWorkers } from "../../transfer/workers.ts";
import { createPeerClient, type PeerClient } from "../../tunnel/client.ts";
import { startTunnelServer } from "../../tunnel/server.ts";
import type { SendVolume, TaskContext } from "../context.ts";
import { performTask } from "../perform.ts";
import { runTaskFields } from "../testing.ts";
import { fakeCluster } from "../testing-cluster.ts";
import { planObjectOf } from "../testing-objects.ts";

const mib = 2 ** 20;
const grain = 4096;
const volumeBytes = 16 * mib;
const geometry = { extentBytes: 2 * mib, stripeCount: 1, stripeBytes: 2 * mib };

const home = site("a");
const owner: Owner = { planId: plan, source: home };
const restore: RunId = restoreIdOf(plan, instantSchema.parse("2026-01-02T01:00:00.000Z"));

/** Pages all over a volume that are other than they were. @returns their bytes */
const scatter = async (storage: StorageDriver, object: ObjectConfig, grains: number): Promise<number> => {
  const pages = Array.from({ length: grains }, (_, page) => ({
    offset: Math.floor((page * volumeBytes) / grains / grain) * grain,
    data: randomBytes(grain),
  }));
  await writeTo(storage, object, pages);
  return grains * grain;
};

/** One way between two gateways, as their transfer tasks use it. */
interface Link {
  readonly peer: PeerClient;
  readonly workers: TransferWorkers;
}

const senderOver =
  ({ peer, workers }: Link): SendVolume =>
  async (request, { storage, log, signal, onMoved, onProgress, onAcknowledged }) => {
    const { shape, opening, mirrorVolumeId, owner: whose, groupId, sequence, baseGroupId, compression } = request;
    const { progress } = await sendVolume({
      ...{ storage, workers, peer, transfer: { shape, opening, mirrorVolumeId } },
      ids: { ...whose, groupId, sequence, baseGroupId },
      ...{ compression, signal, log, onMoved, onProgress, onAcknowledged },
    });
    return progress;
  };

/** Both sites' gateways as they do the tasks of a plan of site `a`, with links both ways. */
const openGateways = async (sites: TwoSites) => {
  const { source, target, log } = sites;
  // What the test's two sites call their source is the plan's home here.
  const receiver = createReceiver({ storage: source, workers: sites.workers, log });
  const credentials = await credentialsOf(sites.authority, "a");
  const { refused } = sites;
  const server = await startTunnelServer({
    ...{ credentials, multiCluster: site("mc"), port: 0, ...receiver, refused, log },
  });
  const back = createPeerClient({
    ...{ multiCluster: site("mc"), siteId: home, endpoints: [`127.0.0.1:${server.port}`], log },
    credentials: await credentialsOf(sites.authority, "b").then((of) => () => of),
  });
  const contextOf = (storage: StorageDriver, link: Link): TaskContext => ({
    ...fakeCluster([]).context,
    ...{ storage, send: senderOver(link) },
  });
  const contexts = {
    a: contextOf(source, { peer: sites.peer, workers: sites.workers }),
    b: contextOf(target, { peer: back, workers: sites.targetWorkers }),
  };
  const perform = async <K extends RunTask["kind"]>(at: "a" | "b", kind: K, n: number, fields: object) => {
    const ids = { planId: plan, runId: restore, groupId: groupOf(n), sequence: n, siteId: at, source: home };
    const task = taskSchema.parse({ ...runTaskFields, ...ids, kind, ...fields });
    assert(isRunTask(task));
    const result = await performTask(task, contexts[at]);
    assert(result.kind === kind);
    return result as Extract<typeof result, { kind: K }>;
  };
  const close = async () => {
    await back.close();
    await server.stop(1);
  };
  return { perform, close };
};
type Gateways = Awaited<ReturnType<typeof openGateways>>;

/** Sends the n-th group from one site to the other, and publishes it. @returns bytes sent */
const copy = async (
  { perform }: Gateways,
  [from, to]: readonly ["a", "b"] | readonly ["b", "a"],
  n: number,
  of: { readonly object: ObjectConfig; readonly base: number | null; readonly takenAt: string },
): Promise<number> => {
  const { object, base, takenAt } = of;
  const { volumes } = await perform(to, "prepare", n, {
    ...{ step: "preparing", target: to, object, sender: from },
  });
  const [mirror] = volumes;
  assert(mirror !== undefined && volumes.length === 1);
  const { progress } = await perform(from, "transfer", n, {
    ...{ step: "transferring", target: to, baseGroupId: base === null ? null : groupOf(base), endpoints: [] },
    ...{ compression: { enabled: true, level: 1, dictionary: true } },
    volumes: [{ from: { planId: plan, groupId: groupOf(n) }, ...mirror }],
  });
  await perform(to, "publish", n, {
    ...{ step: "publishing", target: to, mirrors: mirrorSetOf([mirror.mirrorVolumeId]) },
    manifest: { ...owner, planName: "daily", groupId: groupOf(n), sequence: n, takenAt, objects: [null] },
  });
  return progress.bytesSent;
};

describe("a plan that was taken over, and goes home", () => {
  let sites: TwoSites;
  let gateways: Gateways;
  let original: ObjectConfig;
  let standIn: ObjectConfig;
  before(async () => {
    sites = await openTwoSites();
    gateways = await openGateways(sites);
    original = await sites.source.createVolume({ name: "v", kind: "volume", sizeBytes: volumeBytes, geometry });
    await writeTo(sites.source, original, [{ offset: 0, data: randomBytes(volumeBytes) }]);
    await backUp(1, null);
    standIn = await sites.target.rebuildObject({
      ...{ key: groupIdOf(restore), owner, fromGroupId: groupOf(1), object: original, name: "v" },
    });
  });
  after(async () => {
    await gateways.close();
    await sites.close();
  });

  const take = (at: "a" | "b", n: number, standIns?: readonly RunId[]) =>
    gateways.perform(at, "snapshot", n, {
      ...{ step: "snapshotting", target: at, objects: [planObjectOf(original)], ...(standIns && { standIns }) },
    });
  const backUp = async (n: number, base: number | null): Promise<number> => {
    const { objects, takenAt } = await take("a", n);
    return copy(gateways, ["a", "b"], n, { object: objects[0]?.config ?? assert.fail(), base, takenAt });
  };
  const sendBack = async (n: number, base: number): Promise<number> => {
    const { objects, takenAt } = await take("b", n, [restore]);
    const [told] = objects;
    assert.deepEqual(told?.config, original, "it is told as its own site has it");
    return copy(gateways, ["b", "a"], n, { object: original, base, takenAt });
  };
  const contentsOf = async () => [
    await readVolume(sites.source, original.volumes[0]?.id ?? ""),
    await readVolume(sites.target, standIn.volumes[0]?.id ?? ""),
  ];
  const isEqual = async () => {
    const [at, there] = await contentsOf();
    return at?.equals(there ?? Buffer.alloc(0));
  };
  const goHome = (from: number, safety: GroupId, unchangedSince: number) =>
    gateways.perform("a", "rollback", 0, {
      ...{ step: "rolling-back", target: home, groupId: safety, from: { planId: plan, groupId: groupOf(from) } },
      ...{ objects: [{ kind: "volume", id: original.id }], discardChanges: false, sequence: 1 },
      unchangedSince: groupOf(unchangedSince),
    });
  const safetyGroup = async (n: number): Promise<GroupId> => {
    const volumeIds = original.volumes.map(({ id }) => id);
    return (await sites.source.snapshotGroup({ groupId: groupOf(n), owner, volumeIds, objects: [original] })).groupId;
  };

  test("sends home what differs from what home took itself, in grains", async () => {
    const changed = await scatter(sites.target, standIn, 200);
    const sent = await sendBack(2, 1);
    assert.ok(sent <= changed * 1.05 + mib, `${sent} bytes were sent, and ${changed} have changed`);
    assert.ok(sent >= changed, `${sent} bytes were sent, and ${changed} have changed`);
    const again = await scatter(sites.target, standIn, 20);
    const next = await sendBack(3, 2);
    assert.ok(next <= again * 1.05 + mib && next < sent, `${next} bytes were sent, and ${again} have changed`);
  });

  test("overwrites nothing there that was changed since it left", async () => {
    const work = randomBytes(grain);
    await writeTo(sites.source, original, [{ offset: 5 * grain, data: work }]);
    const safety = await safetyGroup(90);
    await assert.rejects(goHome(3, safety, 1), { code: "CHANGED_SINCE" });
    const [now] = await contentsOf();
    assert.ok(now?.subarray(5 * grain, 6 * grain).equals(work));
    const { snapshots = [] } = (await sites.source.findGroup(groupOf(1))) ?? {};
    const handle = await sites.source.readSnapshot({
      ...{ snapshotId: snapshots[0]?.snapshotId ?? "", sizeBytes: volumeBytes, geometry },
    });
    const before = Buffer.alloc(grain);
    await handle.read(5 * grain, before);
    await handle.close();
    await writeTo(sites.source, original, [{ offset: 5 * grain, data: before }]);
  });

  test("is at home what it was away, and goes on from there in both directions", async () => {
    await goHome(3, await safetyGroup(91), 1);
    assert.equal(await isEqual(), true);
    const changed = await scatter(sites.source, original, 50);
    const sent = await backUp(4, 3);
    assert.ok(sent <= changed * 1.05 + mib, `${sent} bytes were sent, and ${changed} have changed`);
    assert.ok(sent >= changed);
    const { snapshots = [] } = (await sites.target.findGroup(groupOf(4))) ?? {};
    const mirror = await readVolume(sites.target, snapshots[0]?.volumeId ?? "");
    assert.ok(mirror.equals((await contentsOf())[0] ?? Buffer.alloc(0)));
  });
});
