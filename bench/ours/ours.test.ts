import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseCases } from "../cases/cases.ts";
import { Images } from "../cases/images.ts";
import { Ours } from "./ours.ts";
import type { WarmUp } from "./warm-up.ts";

const MiB = 1024 * 1024;

test("the gateways that are measured are warmed up before, and that is not timed", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-ours-test-"));
  t.after(() => rm(dir, { recursive: true }));
  const spec = { seed: "1", sizeBytes: 16 * MiB, extentBytes: 4 * MiB, allocatedShare: 0.525 };
  const images = new Images(dir, { disk: spec, thin: spec });
  const [full] = chooseCases("thin full");
  assert(full !== undefined);
  // A clock on which nothing but the warm-up takes any time.
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  let times = 0;
  const warmUp: WarmUp = async ({ source, target }, run) => {
    assert.equal(run, full);
    assert.notEqual((await source.call("identity", null)).siteId, (await target.call("identity", null)).siteId);
    nowMs += 1000;
    times += 1;
  };
  const { wallSeconds } = await new Ours({ dir: join(dir, "ours"), images, warmUp }).measure(full);
  assert.deepEqual([times, wallSeconds], [1, 0]);
});
