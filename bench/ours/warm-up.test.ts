import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseCases } from "../cases/cases.ts";
import { Images } from "../cases/images.ts";
import { Sites } from "./sites.ts";
import { groupOf } from "./tasks.ts";
import { createWarmUp, warmUpSequences, warmUpSpec } from "./warm-up.ts";

const MiB = 1024 * 1024;

const newFolder = async (t: { after(end: () => Promise<void>): void }): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-warm-up-test-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
};

const imagesIn = async (dir: string, measuredBytes: number): Promise<Images> => {
  await mkdir(dir);
  const spec = warmUpSpec(measuredBytes);
  return new Images(dir, { disk: spec, thin: spec });
};

test("the volume that warms up is of 1 GiB, and of half the measured one's size where that is smaller", () => {
  const shape = (measuredBytes: number) => {
    const { sizeBytes, extentBytes } = warmUpSpec(measuredBytes);
    return [sizeBytes / MiB, extentBytes / MiB];
  };
  assert.deepEqual(shape(4096 * MiB), [1024, 64]);
  assert.deepEqual(shape(256 * MiB), [128, 8]);
  assert.deepEqual(shape(192 * MiB), [64, 4]);
  assert.deepEqual(shape(64 * MiB), [32, 2]);
  assert.deepEqual(shape(16 * MiB), [8, 1]);
});

test("in every size of it there is data to change", async (t) => {
  const dir = await newFolder(t);
  for (const measuredBytes of [16, 32, 64, 128, 256].map((size) => size * MiB)) {
    const images = await imagesIn(join(dir, `${measuredBytes}`), measuredBytes);
    const changed = await images.of({ volume: "plain", variant: "5 %" });
    assert.notEqual(await images.hashOf(changed), await images.hashOf(images.base("plain")));
  }
});

test("both gateways have carried it in the way of the case, in groups of its own", async (t) => {
  const dir = await newFolder(t);
  const images = await imagesIn(join(dir, "expected"), 16 * MiB);
  const base = await images.hashOf(images.base("plain"));
  const changed = await images.hashOf(await images.of({ volume: "plain", variant: "5 %" }));
  const warmUp = createWarmUp(join(dir, "warm-up"), 16 * MiB);
  for (const run of chooseCases("5 % base gone,striped 5 %")) {
    const sites = await Sites.create(join(dir, run.name), join(dir, "pki"));
    await sites.withGateways(async (gateways) => {
      await warmUp(gateways, run);
      const hashOf = (sequence: number) => gateways.target.call("sha256", { groupId: groupOf(sequence) });
      assert.equal(await hashOf(warmUpSequences.full), base);
      assert.equal(await hashOf(warmUpSequences.changed), changed);
      if (run.baseGone) assert.equal(await hashOf(warmUpSequences.baseGone), base);
      else await assert.rejects(hashOf(warmUpSequences.baseGone), /there is no group/);
      const [object] = await gateways.source.call("inventory", null);
      assert.equal(object?.volumes[0]?.geometry.stripeCount, run.workload.volume === "striped" ? 4 : 1);
    });
  }
});
