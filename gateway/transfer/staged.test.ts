import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, planIdSchema, type RunId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Owner, WantedSnapshot } from "../storage/control.ts";
import { mirrorSetOf } from "../storage/mirror-set.ts";
import { holdingBoth } from "./opened.ts";
import { sendVolume } from "./sender.ts";
import { credentialsOf, site } from "./testing/credentials.ts";
import { groupOf, openTwoSites, owner, runOf, type TwoSites, writeTo } from "./testing/two-sites.ts";

const mib = 1024 * 1024;
const grain = 4096;
const volumeBytes = 16 * mib;
const geometry = { extentBytes: 2 * mib, stripeCount: 1, stripeBytes: 2 * mib };
const grains = 200;

const code = (expected: string) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

/*
 * A group that its site's plan made is sent into a mirror of a restore's own, which starts from
 * what the receiver has of the plan.
 */
describe("what is sent for a restore", () => {
  let sites: TwoSites;
  let volume: ObjectConfig;
  let restores = 0;

  before(async () => {
    sites = await openTwoSites();
    volume = await sites.createVolume("v", volumeBytes, geometry);
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(volumeBytes) }]);
    await sites.snapshot(volume, 1);
    const { mirrorVolumeId } = await sites.send(volume, 1, null);
    await sites.publish(mirrorVolumeId, 1);
    const pages = Array.from({ length: grains }, (_, page) => ({
      offset: Math.floor((page * volumeBytes) / grains / grain) * grain,
      data: randomBytes(grain),
    }));
    await writeTo(sites.source, volume, pages);
    await sites.snapshot(volume, 2);
  });
  after(() => sites.close());

  const newRestore = () => {
    restores += 1;
    const unique = `${String(restores).padStart(4, "0")}`;
    const staged: Owner = { planId: planIdSchema.parse(`plan_01ARZ3NDEKTSV4RRFFQ69G${unique}`), source: owner.source };
    return { owner: staged, groupId: groupOf(100 + restores), restoreId: `restore_${unique}` as RunId };
  };
  type Restore = ReturnType<typeof newRestore>;

  const prepare = async (restore: Restore, seed: number | null): Promise<string> => {
    const [mirror] = await sites.target.prepareMirror({
      owner: restore.owner,
      object: volume,
      run: { ...runOf(2), groupId: restore.groupId, index: 0 },
      staged: { restoreId: restore.restoreId, seed: seed === null ? null : { groupId: groupOf(seed), owner } },
    });
    return mirror?.mirrorVolumeId ?? assert.fail("it has no mirror");
  };

  const ofPlan = (group: number, whose = owner): WantedSnapshot => ({
    sourceVolumeId: volume.volumes[0]?.id ?? "",
    of: { groupId: groupOf(group), owner: whose },
  });

  const send = async (
    restore: Restore,
    mirrorVolumeId: string,
    { base, baseGroupId }: { readonly base: WantedSnapshot | null; readonly baseGroupId: GroupId | null },
  ) => {
    const wanted = { snapshot: ofPlan(2), base, baseGroupId, mirrorVolumeId };
    const shape = await sites.source.snapshotShape(wanted.snapshot);
    return holdingBoth({ storage: sites.source, log: sites.log }, wanted, (opening) =>
      sendVolume({
        storage: sites.source,
        workers: sites.workers,
        peer: sites.peer,
        transfer: { shape, opening, mirrorVolumeId },
        ids: { ...restore.owner, groupId: restore.groupId, sequence: 2, baseGroupId },
        compression: { enabled: false, level: 1, dictionary: false },
        signal: new AbortController().signal,
        log: sites.log,
        onProgress: () => undefined,
        onAcknowledged: () => undefined,
        onMoved: () => undefined,
      }),
    );
  };

  /** That the restore's group is there, with the bytes of the source's second group. */
  const assertThere = async (restore: Restore, mirrorVolumeId: string): Promise<void> => {
    await sites.target.publishGroup({
      ...{ groupId: restore.groupId, owner: restore.owner, sequence: 2, takenAt: "2026-01-01T00:00:00.000Z" as never },
      ...{ mirrors: mirrorSetOf([mirrorVolumeId]), planName: restore.restoreId, objects: [null] },
    });
    const read = async (storage: TwoSites["source"], wanted: WantedSnapshot) => {
      const handle = await storage.openSnapshot(wanted);
      const reader = await storage.readSnapshot(handle);
      const content = Buffer.alloc(volumeBytes);
      await reader.read(0, content);
      await reader.close();
      await storage.closeSnapshot(handle);
      return content;
    };
    const there = { ...ofPlan(2), of: { groupId: restore.groupId, owner: restore.owner } };
    assert((await read(sites.target, there)).equals(await read(sites.source, ofPlan(2))));
  };

  const mayBeSent = grains * grain * 1.05 + mib;

  for (const [what, isShared] of [
    ["both sites have", true],
    ["the receiver alone has", false],
  ] as const) {
    test(`from a seed that ${what} is no more than what differs in grains of 4 KiB, 5 % and 1 MiB`, async (t) => {
      const restore = newRestore();
      const mirror = await prepare(restore, 1);
      const outcome = await send(restore, mirror, { base: isShared ? ofPlan(1) : null, baseGroupId: groupOf(1) });
      await assertThere(restore, mirror);
      const { bytesSent } = outcome.progress;
      t.diagnostic(`${bytesSent} bytes were sent, of which ${grains * grain} differ`);
      assert(bytesSent <= mayBeSent, `${bytesSent} bytes were sent`);
    });
  }

  test("starts from no group that its site was not told of, and is not sent in full by that alone", async () => {
    const restore = newRestore();
    const mirror = await prepare(restore, null);
    await assert.rejects(send(restore, mirror, { base: ofPlan(1), baseGroupId: groupOf(1) }), code("BASE_MISSING"));
    await send(restore, mirror, { base: null, baseGroupId: null });
    await assertThere(restore, mirror);
  });

  test("goes when its site is told so, and what that has of the plan does not, whoever asks for it", async () => {
    const restore = newRestore();
    const mirror = await prepare(restore, 1);
    await assert.rejects(sites.target.dropStaged({ groupId: groupOf(1), owner }), code("NOT_OURS"));
    await sites.target.dropStaged(restore);
    assert.equal(await sites.target.findMirrorVolume(mirror), undefined);
    assert.equal((await sites.target.findGroup(groupOf(1)))?.snapshots.length, 1);
  });

  test("is read by whose it is: what is another plan's is not opened, and nothing is sent", async () => {
    const restore = newRestore();
    const mirror = await prepare(restore, 1);
    const another = { ...owner, planId: planIdSchema.parse("plan_01ARZ3NDEKTSV4RRFFQ69G5FAW") };
    const wrong = { base: ofPlan(1, another), baseGroupId: groupOf(1) };
    await assert.rejects(send(restore, mirror, wrong), code("NOT_OURS"));
    await assert.rejects(sites.source.openSnapshot(ofPlan(2, restore.owner)), code("NOT_OURS"));
    assert.equal((await sites.target.findMirrorVolume(mirror))?.grant?.groupId, restore.groupId);
  });

  test("is taken from the site that was named for it, and from no other one, be it the protected one", async () => {
    const restore = newRestore();
    const run = { ...runOf(2), groupId: restore.groupId, sender: site("c"), index: 0 };
    const staged = { restoreId: restore.restoreId, seed: null };
    const [made] = await sites.target.prepareMirror({ owner: restore.owner, object: volume, run, staged });
    const mirror = made?.mirrorVolumeId ?? assert.fail("it has no mirror");
    await assert.rejects(send(restore, mirror, { base: null, baseGroupId: null }), code("PEER_REFUSED"));
    const third = await sites.connect({ credentials: await credentialsOf(sites.authority, "c") });
    const asked = await third.request({
      method: "POST",
      path: "/v1/sessions",
      json: {
        ...restore.owner,
        ...{ mirrorVolumeId: mirror, groupId: restore.groupId, sequence: 2, baseGroupId: null },
        ...{ sizeBytes: volumeBytes, geometry },
      },
      signal: new AbortController().signal,
    });
    await third.close();
    assert.ok(asked);
  });
});
