import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import type { RunAnswer } from "../../core/api/answers.ts";
import { changeDiskImage, type DiskImage, makeDiskImage } from "../../infra/local/demo/image.ts";
import { runTool } from "../../infra/local/demo/tools.ts";
import { testWith } from "../need.ts";
import { Local } from "./local.ts";

const MB = 1e6;
const MiB = 1024 ** 2;
/** The demo does it with 2 GiB. */
const imageBytes = 512 * MiB;
const contentBytes = 220 * MB;
const changingBytes = 20 * MB;
const extentBytes = 16 * MiB;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };

const testWithE2fsck = await testWith("e2fsck");

describe("the first backup, end to end, on an image of 512 MiB with 220 MB of real files", () => {
  let local: Local;
  let image: DiskImage;
  const file = (name: string) => join(local.dir, name);

  /** Runs the plan, and proves that what is rebuilt on b is what was snapshotted on a. */
  const backUpAndCompare = async (prefix: string): Promise<{ run: RunAnswer; sha256: string }> => {
    const run = await local.ended(await local.runPlan("nightly"));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    const [snapshot] = await local.snapshotsOf("a", run.groupId);
    assert(snapshot);
    const source = await local.exportImage("a", file("source.img"), { snapshotId: snapshot.snapshotId });
    const rebuilt = await rebuild(run.groupId, prefix);
    assert.equal(rebuilt.sha256, source.sha256);
    return { run, sha256: source.sha256 };
  };

  const rebuild = async (groupId: string, prefix: string) => {
    const json = { type: "rebuild", groupId, siteId: "b", namePrefix: prefix } as never;
    const { id } = await answerOf(local.api.v1.restores.$post({ json }));
    const restore = await local.ended(id);
    assert.equal(restore.status, "succeeded", JSON.stringify(restore));
    const name = `${prefix}web1`;
    await local.refreshed("b");
    const object = (await local.objects("b"))?.objects.find((other) => other.name === name);
    assert(object?.volumes[0], `site b has no ${name}`);
    assert.equal(object.origin?.role, "rebuilt");
    return local.exportImage("b", file("rebuilt.img"), { volumeId: object.volumes[0].id });
  };

  /** Checks what was rebuilt last, as a file system. */
  const fsck = async (e2fsck: string): Promise<void> => {
    assert.equal(image.format, "ext4");
    await runTool(e2fsck, ["-fn", file("rebuilt.img")]);
  };

  const progressOf = (run: RunAnswer) => {
    const [target] = run.targets;
    assert(target);
    return { ...target.progress, base: target.base };
  };

  before(async () => {
    local = await Local.create();
    image = await makeDiskImage({ file: file("disk.img"), sizeBytes: imageBytes, contentBytes, changingBytes });
    assert(image.contentBytes >= contentBytes, `this machine has only ${image.contentBytes} bytes of files`);
    await local.start();
    await local.importImage("a", file("disk.img"), { name: "web1", geometry });
    await local.createPlan({ name: "nightly", objects: [{ kind: "lun", name: "web1" }] });
  });
  after(() => local.remove());

  let first: { run: RunAnswer; sha256: string };

  test("the full run's rebuild has the bytes of the source's snapshot", async (t) => {
    first = await backUpAndCompare("first-");
    const progress = progressOf(first.run);
    assert.equal(progress.base?.why, "first-backup");
    assert(progress.extentsHole > 0, "no hole was skipped");
    assert(progress.bytesSent < progress.bytesChanged, "nothing was compressed");
    t.diagnostic(JSON.stringify(progress));
  });

  testWithE2fsck("e2fsck finds the full run's rebuild clean", (_, e2fsck) => fsck(e2fsck));

  test("after one file of 20 MB changed, less than 60 MB are sent and only changed extents are read", async (t) => {
    await changeDiskImage({ file: file("disk.img"), format: image.format, changingBytes, seed: 2 });
    const { objects } = (await local.objects("a")) ?? { objects: [] };
    const volumeId = objects[0]?.volumes[0]?.id;
    assert(volumeId);
    await local.importImage("a", file("disk.img"), { into: volumeId });
    const second = await backUpAndCompare("second-");
    const progress = progressOf(second.run);
    assert.equal(progress.base?.why, "increment");
    assert.notEqual(second.sha256, first.sha256);
    assert(progress.bytesSent > changingBytes / 2, "less was sent than changed");
    assert(progress.bytesSent < 60 * MB, `${progress.bytesSent} bytes were sent`);
    assert(progress.extentsUnchanged > 0, "no extent was skipped as unchanged");
    const changedExtents = progress.extentsTotal - progress.extentsUnchanged - progress.extentsHole;
    // Each changed extent is read from the snapshot and from its base.
    assert(progress.bytesRead <= changedExtents * 2 * extentBytes, `${progress.bytesRead} bytes were read`);
    t.diagnostic(JSON.stringify(progress));
  });

  testWithE2fsck("e2fsck finds the incremental run's rebuild clean", (_, e2fsck) => fsck(e2fsck));

  test("the first restore point still has the bytes it had", async () => {
    const again = await rebuild(first.run.groupId, "again-");
    assert.equal(again.sha256, first.sha256);
  });

  test("a retention of three keeps the newest three, and says which and why before", async () => {
    await local.ended(await local.runPlan("nightly"));
    const before = await retention();
    assert.deepEqual(
      before.map(({ verdict }) => verdict),
      ["keep", "keep", "keep"],
    );
    const fewer = await retention("1");
    assert.deepEqual(
      fewer.map(({ verdict, rule }) => [verdict, rule]),
      [
        ["keep", "newest"],
        ["delete", "excess"],
        ["delete", "excess"],
      ],
    );
    const last = await local.ended(await local.runPlan("nightly"));
    const groups = await answerOf(
      local.api.v1.plans[":plan"].groups.$get({ param: { plan: "nightly" }, query: { site: "b" } }),
    );
    assert.equal(groups.items.length, 3);
    assert(groups.items.some((group) => group.id === last.groupId));
    assert(!groups.items.some((group) => group.id === first.run.groupId));
    assert(groups.items.every((group) => group.state === "published"));
  });

  const retention = async (keepLast?: string) => {
    const query = keepLast === undefined ? {} : { keepLast };
    const answer = await answerOf(local.api.v1.plans[":plan"].retention.$get({ param: { plan: "nightly" }, query }));
    return answer.sites.find(({ site }) => site === "b")?.groups ?? [];
  };

  test("a second start on the same folder finds everything, and it ends cleanly", async () => {
    await local.stop();
    await local.start();
    const run = await local.ended(await local.runPlan("nightly"));
    assert.equal(run.status, "succeeded");
    assert.equal(progressOf(run).bytesSent < MB, true);
    await local.stop();
  });
});
