import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { GroupListEntry } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { dataFileSizes, inspectSpace, sum } from "../../gateway/storage/extentstore/testing/space.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;
const imageBytes = 16 * MiB;
const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };

interface Deletion {
  readonly going: {
    readonly sites: readonly { readonly siteId: string; readonly space?: { readonly bytes: number } }[];
  };
  readonly run: string | null;
}

describe("giving space back by hand, on stores of two sites", () => {
  let local: Local;
  let volumeId: string;
  const image = () => join(local.dir, "disk.img");
  const store = () => join(local.dir, "sites", "b", "store");

  const backUp = async (plan: string, day: number): Promise<void> => {
    await writePattern(image(), imageBytes, day);
    await local.importImage("a", image(), { into: volumeId });
    assert.equal((await local.ended(await local.runPlan(plan))).status, "succeeded");
  };
  const groupsAtB = async (plan: string) =>
    (await local.command<{ items: GroupListEntry[] }>("group", "list", "--plan", plan, "--site", "b")).items;
  const toldAtB = ({ going }: Deletion): number => {
    const space = going.sites.find(({ siteId }) => siteId === "b")?.space;
    assert(space !== undefined, "site b says how much it gives back");
    return space.bytes;
  };

  before(async () => {
    local = await Local.create();
    await local.start();
    await writePattern(image(), imageBytes, 1);
    ({ volumeId } = await local.importImage("a", image(), { name: "db1", geometry }));
    for (const name of ["mine", "other"]) await local.createPlan({ name, objects: [{ kind: "lun", name: "db1" }] });
    for (const day of [1, 2, 3]) await backUp("mine", day);
    await backUp("other", 4);
  });
  after(() => local.remove());

  test("a group gives back just what was told, and the others are what they were", async () => {
    const [newest, middle, oldest] = await groupsAtB("mine");
    assert(newest && middle && oldest);
    const wish = ["group", "delete", oldest.id, "--site", "b"];
    const liveBefore = inspectSpace(store()).liveBytes;
    const told = toldAtB(await local.command<Deletion>(...wish, "--dry-run"));
    assert.equal((await groupsAtB("mine")).length, 3);
    await local.command(...wish, "--yes", "--wait");
    assert(told > 0);
    assert.equal(liveBefore - inspectSpace(store()).liveBytes, told);
    assert.deepEqual(
      (await groupsAtB("mine")).map(({ id }) => id),
      [newest.id, middle.id],
    );
    const [kept] = await local.snapshotsOf("b", middle.id);
    assert(kept);
    await local.exportImage("b", join(local.dir, "kept.img"), { snapshotId: kept.snapshotId });
  });

  test("a plan with its restore points does, though gateway and control plane are killed meanwhile", async () => {
    const before = { live: inspectSpace(store()).liveBytes, disk: sum(dataFileSizes(store())) };
    const begun = await local.command<Deletion>("plan", "delete", "mine", "--with-restore-points", "--yes");
    const told = toldAtB(begun);
    await local.killGateway("b");
    await local.kill();
    await local.start();
    assert(begun.run !== null);
    const run = await local.ended(begun.run);
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    assert.equal(before.live - inspectSpace(store()).liveBytes, told);
    assert(before.disk - sum(dataFileSizes(store())) > 0.9 * told, "the disk has it back");
    const [theirs] = await groupsAtB("other");
    assert(theirs);
    const [source] = await local.snapshotsOf("a", theirs.id);
    const [mirror] = await local.snapshotsOf("b", theirs.id);
    assert(source && mirror);
    const sent = await local.exportImage("a", join(local.dir, "a.img"), { snapshotId: source.snapshotId });
    const there = await local.exportImage("b", join(local.dir, "b.img"), { snapshotId: mirror.snapshotId });
    assert.equal(there.sha256, sent.sha256);
    const left = (await local.inventory("b")).flatMap(({ origin }) => origin?.planName ?? []);
    assert.deepEqual(left, ["other"]);
  });

  test("what a restore made does, though its gateway is killed meanwhile, and nothing else there goes", async () => {
    const made = async () =>
      (await local.inventory("b")).filter(({ origin }) => origin?.role === "rebuilt").map(({ name }) => name);
    const rebuild = (prefix: string) =>
      local.command<{ id: string }>(
        ...["rebuild", "latest", "--plan", "other", "--site", "b", "--prefix", prefix, "--wait"],
      );
    const [{ id }] = [await rebuild("one-"), await rebuild("two-")];
    assert.deepEqual((await made()).toSorted(), ["one-db1", "two-db1"]);
    const live = inspectSpace(store()).liveBytes;
    const wish = ["object", "delete", "one-db1", "--site", "b", "--restore", id];
    const begun = await local.command<Deletion>(...wish, "--yes");
    await local.killGateway("b");
    assert(begun.run !== null);
    const run = await local.ended(begun.run);
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    assert.equal(live - inspectSpace(store()).liveBytes, toldAtB(begun));
    assert.deepEqual(await made(), ["two-db1"]);
  });

  test("what a living plan needs is not given back", async () => {
    const isRefusedWith = (code: string) => (error: unknown) => VisibleError.is(error) && error.code === code;
    await assert.rejects(
      local.command("mirror", "release", "other", "--site", "b", "--yes"),
      isRefusedWith("MIRROR_NEEDED"),
    );
    const latest = ["group", "delete", "latest", "--plan", "other", "--site", "b"];
    await assert.rejects(local.command(...latest, "--yes"), isRefusedWith("GROUP_NEEDED"));
    assert.equal((await groupsAtB("other")).length, 1);
  });
});
