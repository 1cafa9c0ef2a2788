import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writePattern } from "../../infra/local/demo/image.ts";
import { until } from "../patience.ts";
import { Local } from "./local.ts";

const MiB = 1024 ** 2;
const imageBytes = 64 * MiB;
/** Many small extents, so that there is a middle to die in. */
const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };
const extents = imageBytes / geometry.extentBytes;
/** All of it takes half a minute like that: however late the blow comes, it strikes the middle. */
const bytesPerSecondBefore = 2 * MiB;
/** Of a gateway that nobody configured otherwise. */
const extentsInFlight = 4;

describe("kill -9 in the middle of a transfer", () => {
  let local: Local;
  let volumeId: string;
  let day = 0;

  before(async () => {
    local = await Local.create();
    await local.start();
    await writePattern(join(local.dir, "disk.img"), imageBytes, 1);
    ({ volumeId } = await local.importImage("a", join(local.dir, "disk.img"), { name: "db1", geometry }));
    await local.createPlan({ name: "db", objects: [{ kind: "lun", name: "db1" }] });
  });
  after(() => local.remove());

  /** All of the volume changes, so that the next run has everything to send. */
  const nextDay = async (): Promise<void> => {
    day += 1;
    await writePattern(join(local.dir, "disk.img"), imageBytes, 100 + day);
    await local.importImage("a", join(local.dir, "disk.img"), { into: volumeId });
  };

  /** The extents that the target committed for a group, in the order of its log. */
  const committed = async (groupId: string): Promise<readonly unknown[]> => {
    const log = await local.gatewayLog("b");
    const began = log.filter((line) => line["msg"] === "a transfer began" && line["groupId"] === groupId);
    const epochs = new Set(began.map((line) => line["epoch"]));
    return log
      .filter((line) => line["msg"] === "an extent was committed" && epochs.has(line["epoch"]))
      .map((line) => line["extent"]);
  };

  /**
   * Runs the plan, strikes in the middle of the transfer, and looks at how it ends. The receiver
   * writes its log behind its commits, so when the receiver is what dies, the log need not know of
   * extents that were in flight: `unsureMax` of them.
   */
  const strike = async (unsureMax: number, kill: () => Promise<unknown>): Promise<number> => {
    await local.limit(bytesPerSecondBefore);
    const run = await local.runPlan("db");
    const { groupId } = await local.readRun(run);
    await until("some extents to be there", async () => (await committed(groupId)).length >= 2 * extentsInFlight);
    const struckAt = Date.now();
    await kill();
    const before = await committed(groupId);
    assert(before.length < extents, "the transfer was over before the blow");
    await local.limit(undefined);
    const ended = await local.ended(run);
    assert.equal(ended.status, "succeeded", JSON.stringify(ended));
    const all = await committed(groupId);
    const timesOf = (extent: number) => all.filter((one) => one === extent).length;
    const unsure = Array.from({ length: extents }, (_, extent) => extent).filter((extent) => timesOf(extent) !== 1);
    assert(unsure.length <= unsureMax, `I9: not committed once, as far as the log says: extents ${unsure.join()}`);
    const [source] = await local.snapshotsOf("a", groupId);
    const [mirror] = await local.snapshotsOf("b", groupId);
    assert(source && mirror);
    const sent = await local.exportImage("a", join(local.dir, "a.img"), { snapshotId: source.snapshotId });
    const arrived = await local.exportImage("b", join(local.dir, "b.img"), { snapshotId: mirror.snapshotId });
    assert.equal(arrived.sha256, sent.sha256);
    return (Date.now() - struckAt) / 1000;
  };

  test("of the sending gateway: another try goes on where it was, and the data is equal", async (t) => {
    const seconds = await strike(0, () => local.killGateway("a"));
    t.diagnostic(`from the blow to the end, with both exports: ${seconds} s`);
  });

  test("of the receiving gateway: the sender goes on where it was, and the data is equal", async (t) => {
    await nextDay();
    const seconds = await strike(extentsInFlight, () => local.killGateway("b"));
    t.diagnostic(`from the blow to the end, with both exports: ${seconds} s`);
  });

  test("of the process that runs the functions, whose queues forget everything: the same", async (t) => {
    await nextDay();
    const seconds = await strike(extentsInFlight, async () => {
      await local.kill();
      await local.start();
    });
    t.diagnostic(`from the blow to the end, with both exports: ${seconds} s`);
  });
});
