import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ExtentLabels } from "./diff/scan.ts";
import { openTwoSites, type TwoSites, writeTo } from "./testing/two-sites.ts";
import type { TransferWorkers } from "./workers.ts";

const kib = 1024;
const mib = 1024 * kib;
const plain: Geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
const striped: Geometry = { extentBytes: mib, stripeCount: 4, stripeBytes: 128 * kib };
/** Stripes that are shorter than a block. */
const fine: Geometry = { extentBytes: mib, stripeCount: 3, stripeBytes: 4 * kib };

/**
 * What a group's volume gets written before its snapshot: bytes that compress or do not, or zeros.
 */
const change = (sizeBytes: number) =>
  fc
    .record({
      at: fc.integer({ min: 0, max: sizeBytes / 512 - 1 }),
      sectors: fc.integer({ min: 1, max: 1500 }),
      fill: fc.constantFrom("random", "text", "zeros"),
    })
    .map(({ at, sectors, fill }) => {
      const offset = at * 512;
      const length = Math.min(sectors * 512, sizeBytes - offset);
      if (fill === "zeros") return { offset, data: length };
      return { offset, data: fill === "random" ? randomBytes(length) : Buffer.alloc(length, `${at} lorem ipsum `) };
    });

describe("a transfer", () => {
  let sites: TwoSites;
  before(async () => {
    sites = await openTwoSites();
  });
  after(() => sites.close());

  test("makes the mirror equal to the snapshot, and does not send holes", async () => {
    const volume = await sites.createVolume("holes", 8 * mib + 512, plain);
    await writeTo(sites.source, volume, [
      { offset: 0, data: randomBytes(3000) },
      { offset: 5 * mib - 70_000, data: randomBytes(140_000) },
    ]);
    await sites.snapshot(volume, 1);
    const acknowledged: number[] = [];
    const { progress, acknowledgedExtents, mirrorVolumeId } = await sites.send(volume, 1, null, {
      onAcknowledged: (extent) => acknowledged.push(extent),
    });
    await sites.publish(mirrorVolumeId, 1);
    await sites.assertEqual(1);
    assert.equal(acknowledgedExtents, 3);
    assert.deepEqual(acknowledged.toSorted(), [0, 4, 5].toSorted());
    const { phase, extentsTotal, extentsDone, extentsHole, bytesRead, bytesTotal } = progress;
    assert.deepEqual([phase, extentsTotal, extentsDone, extentsHole], ["done", 9, 9, 6]);
    // Five blocks have something in them, and the store knows it.
    assert.deepEqual([bytesRead, bytesTotal], [5 * 64 * kib, 8 * mib + 512]);
    assert.ok(progress.bytesSent < 5 * 64 * kib, `${progress.bytesSent} bytes for four blocks`);
  });

  test("of a later group sends what changed, and nothing that only has another token", async () => {
    const volume = await sites.createVolume("later", 8 * mib, plain);
    const same = randomBytes(mib);
    await writeTo(sites.source, volume, [
      { offset: 0, data: same },
      { offset: mib, data: randomBytes(3 * mib) },
    ]);
    await sites.snapshot(volume, 11);
    const { mirrorVolumeId } = await sites.send(volume, 11, null);
    await sites.publish(mirrorVolumeId, 11);
    await writeTo(sites.source, volume, [
      { offset: 0, data: same.subarray(0, 8192) },
      { offset: mib + 8192, data: randomBytes(4096) },
      { offset: 2 * mib + 64 * kib, data: 128 * kib },
    ]);
    await sites.snapshot(volume, 12);
    const { progress, acknowledgedExtents } = await sites.send(volume, 12, 11);
    await sites.publish(mirrorVolumeId, 12);
    await sites.assertEqual(12);
    // Extent 0 was written with what it had, 3 was not touched, 1 and 2 differ.
    assert.equal(acknowledgedExtents, 2);
    assert.deepEqual([progress.extentsUnchanged, progress.bytesChanged], [2, 4096 + 128 * kib]);
    assert.ok(progress.bytesSent < 4096 + 8 * 56, `${progress.bytesSent} bytes for 4 KiB and a run of zeros`);
  });

  test("is right for any volumes and changes, striped or not, compressed or not, with and without a base", async () => {
    let sequence = 100;
    const sizeBytes = 5 * mib + 1536;
    const group = fc.array(change(sizeBytes), { minLength: 0, maxLength: 4 });
    const chain = fc.array(fc.record({ changes: group, baseLost: fc.boolean() }), { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(plain, striped, fine),
        fc.boolean(),
        chain,
        async (geometry, enabled, groups) => {
          const volume = await sites.createVolume(`any-${sequence}`, sizeBytes, geometry);
          let base: number | null = null;
          for (const { changes, baseLost } of groups) {
            sequence++;
            await writeTo(sites.source, volume, changes);
            await sites.snapshot(volume, sequence);
            const options = { compression: { enabled, level: 1, dictionary: true }, baseLost };
            const { mirrorVolumeId } = await sites.send(volume, sequence, base, options);
            await sites.publish(mirrorVolumeId, sequence);
            await sites.assertEqual(sequence);
            base = sequence;
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test("says how far it is, at most every 250 ms within a phase", async () => {
    const volume = await sites.createVolume("told", 6 * mib, plain);
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(6 * mib) }]);
    await sites.snapshot(volume, 201);
    const told: string[] = [];
    await sites.send(volume, 201, null, {
      time: { nowMs: () => 0, sleep: async () => undefined },
      onProgress: ({ phase }) => told.push(phase),
    });
    assert.deepEqual(told, ["comparing", "sending", "verifying", "done"]);
  });

  test("labels extents by tokens, of which another may come, or by snapshots, of which none does", async () => {
    const volume = await sites.createVolume("labelled", 2 * mib, plain);
    const seen: (ExtentLabels | undefined)[] = [];
    const workers: TransferWorkers = Object.create(sites.workers, {
      scan: {
        value: (...args: Parameters<TransferWorkers["scan"]>) => {
          seen.push(args[0].labels);
          return sites.workers.scan(...args);
        },
      },
    });
    const withoutMap = new Proxy(sites.source, {
      get: (target, name) =>
        name !== "readSnapshot"
          ? Reflect.get(target, name, target)
          : async (...args: Parameters<TwoSites["source"]["readSnapshot"]>) =>
              Object.defineProperty(await target.readSnapshot(...args), "extentMap", { value: async () => undefined }),
    });
    const backUp = async (group: number, base: number | null, storage = sites.source) => {
      await writeTo(sites.source, volume, [{ offset: mib, data: randomBytes(100) }]);
      await sites.snapshot(volume, group);
      const { mirrorVolumeId } = await sites.send(volume, group, base, { workers, storage, extentsInFlight: 1 });
      await sites.publish(mirrorVolumeId, group);
      return { mirrorVolumeId, labels: seen.splice(0).at(-1) };
    };
    const first = await backUp(202, null);
    const second = await backUp(203, 202);
    const { mirror, now, base } = second.labels ?? {};
    assert.equal(mirror, `b ${second.mirrorVolumeId}`);
    assert.deepEqual([base, first.labels?.base], [{ label: first.labels?.now, isOnce: false }, null]);
    assert.notEqual(now, base?.label);
    const third = await backUp(204, 203, withoutMap);
    const fourth = await backUp(205, 204, withoutMap);
    assert.match(third.labels?.base?.label ?? "", /^snapshot /);
    assert.deepEqual(fourth.labels?.base, { label: third.labels?.now, isOnce: true });
  });

  test("opens its snapshot and base once, whatever it reads of them in its threads, and closes them also when it fails", async () => {
    const volume = await sites.createVolume("opened", 4 * mib, plain);
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(4 * mib) }]);
    await sites.snapshot(volume, 211);
    const { mirrorVolumeId } = await sites.send(volume, 211, null);
    await sites.publish(mirrorVolumeId, 211);
    await writeTo(
      sites.source,
      volume,
      [0, 1, 2, 3].map((extent) => ({ offset: extent * mib, data: randomBytes(9) })),
    );
    await sites.snapshot(volume, 212);
    const open = new Map<string, number>();
    const opened: string[] = [];
    const counting: Partial<TwoSites["source"]> = {
      openSnapshot: async (wanted) => {
        const handle = await sites.source.openSnapshot(wanted);
        const id = handle.snapshotId;
        opened.push(id);
        open.set(id, (open.get(id) ?? 0) + 1);
        return handle;
      },
      closeSnapshot: async (handle) => {
        open.set(handle.snapshotId, (open.get(handle.snapshotId) ?? 0) - 1);
        await sites.source.closeSnapshot(handle);
      },
    };
    const storage = new Proxy(sites.source, {
      get: (target, name) => Reflect.get(counting, name) ?? Reflect.get(target, name, target),
    });
    const stop = new AbortController();
    const stopping = { onAcknowledged: () => stop.abort(new Error("enough")), signal: stop.signal, extentsInFlight: 1 };
    await assert.rejects(sites.send(volume, 212, 211, { storage, ...stopping }), /enough/);
    assert.deepEqual([opened.length, [...open.values()]], [2, [0, 0]]);
    await sites.send(volume, 212, 211, { storage });
    assert.deepEqual([opened.length, new Set(opened).size, [...open.values()]], [4, 2, [0, 0]]);
    await sites.publish(mirrorVolumeId, 212);
    await sites.assertEqual(212);
  });
});
