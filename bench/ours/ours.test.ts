import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { chooseCases } from "../cases.ts";
import { Images } from "../images.ts";
import { Ours } from "./ours.ts";
import type { WarmUp } from "./warm-up.ts";

const MiB = 1024 * 1024;
/** Longer than what comes after the clock has stopped. */
const warmUpMs = 3000;

test("the gateways that are measured are warmed up before, and that is not timed", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-ours-test-"));
  t.after(() => rm(dir, { recursive: true }));
  const spec = { seed: "1", sizeBytes: 16 * MiB, extentBytes: 4 * MiB, allocatedShare: 0.525 };
  const images = new Images(dir, { disk: spec, thin: spec });
  const [unchanged] = chooseCases("unchanged");
  assert(unchanged !== undefined);
  const warmedUp: number[] = [];
  const warmUp: WarmUp = async ({ source, target }, run) => {
    assert.equal(run, unchanged);
    assert.notEqual((await source.call("identity", null)).siteId, (await target.call("identity", null)).siteId);
    await wait(warmUpMs);
    warmedUp.push(performance.now());
  };
  const { wallSeconds } = await new Ours({ dir: join(dir, "ours"), images, warmUp }).measure(unchanged);
  const [warmAt = Number.NaN] = warmedUp;
  assert.equal(warmedUp.length, 1);
  assert(wallSeconds * 1000 < performance.now() - warmAt, `${wallSeconds} s`);
});
