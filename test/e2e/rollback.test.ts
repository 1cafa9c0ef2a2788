import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run as runCommand } from "../../cli/testing.ts";
import type { RunAnswer } from "../../core/api/answers.ts";
import { steadyTime } from "../../gateway/time/time.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;
const imageBytes = 16 * MiB;
const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };

describe("a rollback, end to end", () => {
  let local: Local;
  let volumeId: string;
  let first: { readonly groupId: string; readonly sha256: string };
  let changedSha256: string;
  let safetyId: string;
  const file = (name: string) => join(local.dir, name);

  const fill = async (seed: number): Promise<void> => {
    await writePattern(file("disk.img"), imageBytes, seed);
    await local.importImage("a", file("disk.img"), { into: volumeId });
  };
  const sha256 = async () => (await local.exportImage("a", file("now.img"), { volumeId })).sha256;
  const backUp = async (): Promise<RunAnswer> => {
    const run = await local.ended(await local.runPlan("nightly"));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    return run;
  };
  const groupsAt = async (site: string) =>
    (await local.command<{ items: { id: string; keepUntil?: string }[] }>("group", "list", "--site", site)).items;
  /** As if somebody had deleted them at the cluster itself. */
  const loseGroupsAt = async (site: string): Promise<void> => {
    for (const { id } of await groupsAt(site)) {
      await local.onStorage(site, async (storage) => {
        const group = await storage.findGroup(id as never);
        if (group !== undefined) await storage.deleteGroup(group);
      });
    }
  };
  /** What a command says and answers that may fail. */
  const said = (...args: readonly string[]) =>
    runCommand(args, { env: { SMTX_BACKUP_DIR: local.dir }, fetch, time: steadyTime });

  before(async () => {
    local = await Local.create();
    await local.start();
    await writePattern(file("disk.img"), imageBytes, 1);
    ({ volumeId } = await local.importImage("a", file("disk.img"), { name: "db1", geometry }));
    await local.createPlan({ name: "nightly", objects: [{ kind: "lun", name: "db1" }] });
    first = { groupId: (await backUp()).groupId, sha256: await sha256() };
  });
  after(() => local.remove());

  test("I12: is refused while anything has changed, says what and since when, and touches nothing", async () => {
    await fill(2);
    changedSha256 = await sha256();
    const { exitCode, stdout } = await said("rollback", first.groupId);
    assert.equal(exitCode, 1);
    assert.match(stdout, /“db1” has changed since 20.* UTC, in 16 extents\. Nothing was touched\./);
    assert.match(stdout, /--discard-changes.*\(CHANGED_SINCE\)/);
    assert.equal(await sha256(), changedSha256);
  });

  test("makes the object what the group has, under its old id, after a safety group", async () => {
    const { exitCode, stdout } = await said("rollback", first.groupId, "--discard-changes", "--wait");
    assert.equal(exitCode, 0, stdout);
    assert.equal(await sha256(), first.sha256);
    const [safety] = (await groupsAt("a")).filter(({ keepUntil }) => keepUntil !== undefined);
    assert.ok(safety, "there is no safety group");
    safetyId = safety.id;
  });

  test("is followed by a backup that sends only what differs, and has the object's bytes", async () => {
    const run = await backUp();
    const [target] = run.targets;
    assert.equal(target?.base?.why, "increment");
    assert.ok((target?.progress.bytesSent ?? MiB) < MiB / 10, JSON.stringify(target?.progress));
    const [mirror] = await local.snapshotsOf("b", run.groupId);
    assert.ok(mirror);
    const arrived = await local.exportImage("b", file("b.img"), { snapshotId: mirror.snapshotId });
    assert.equal(arrived.sha256, first.sha256);
  });

  test("is undone by a rollback to its safety group, which holds what was written", async () => {
    const { exitCode, stdout } = await said("rollback", safetyId, "--discard-changes", "--wait");
    assert.equal(exitCode, 0, stdout);
    assert.equal(await sha256(), changedSha256);
  });

  test("brings the data from a target when the local snapshots are gone, and sends what differs at most", async (t) => {
    await fill(1);
    await loseGroupsAt("a");
    const differing = 300 * 4096;
    await local.onStorage("a", async (storage) => {
      const handle = await storage.openVolume(volumeId, "write");
      for (let grain = 0; grain < 300; grain += 1) await handle.write(grain * 40_960, randomBytes(4096));
      await handle.close();
    });
    const before = await sha256();
    const { exitCode, stdout } = await said(
      "rollback",
      first.groupId,
      "--site",
      "b",
      "--discard-changes",
      "--wait",
      "--json",
    );
    assert.equal(exitCode, 0, stdout);
    assert.equal(await sha256(), first.sha256);
    const run = JSON.parse(stdout) as RunAnswer;
    const sent = run.targets[0]?.progress.bytesSent ?? Number.POSITIVE_INFINITY;
    t.diagnostic(`${sent} bytes sent for ${differing} that differ`);
    assert.ok(sent <= differing * 1.05 + MiB, `${sent}`);
    assert.notEqual(before, first.sha256);
  });
});
