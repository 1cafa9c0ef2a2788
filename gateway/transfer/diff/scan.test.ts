import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash } from "../../storage/block-hash.ts";
import { noise } from "../../storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { KeptHashes } from "../../storage/kept-hashes.ts";
import { openStorage } from "../../storage/open.ts";
import type { SnapshotHandle } from "../../storage/volume-io.ts";
import { createApply } from "../apply.ts";
import { watchOf } from "../testing/job-watch.ts";
import { groupOf, owner, runOf, writeTo } from "../testing/two-sites.ts";
import type { JobWatch } from "../threads/serve-jobs.ts";
import type { Encoding } from "./block-encoder.ts";
import { createScan, type ScanJob } from "./scan.ts";
import { createCompare, createSignature, grainHashes } from "./signature.ts";

const KiB = 1024;
const extentBytes = 16 * blockBytes;
const plain = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
const striped = { extentBytes, stripeCount: 2, stripeBytes: 2 * blockBytes };
const watch = watchOf();
const level1: Encoding = { level: 1, dictionary: true };

/** A cluster that has volumes and nothing to tell about the blocks in them. */
const plainCluster = (storage: StorageDriver): StorageDriver =>
  new Proxy(storage, {
    get: (target, name, receiver) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name === "readSnapshot") {
        return async (handle: SnapshotHandle) => {
          const reader = await target.readSnapshot(handle);
          return {
            sizeBytes: reader.sizeBytes,
            geometry: reader.geometry,
            read: (offset: number, into: Uint8Array) => reader.read(offset, into),
            close: () => reader.close(),
            extentMap: async () => undefined,
            extentBlocks: async () => undefined,
            extentDigests: async () => undefined,
          };
        };
      }
      if (name === "openMirrorExtent") {
        return async (options: Parameters<StorageDriver["openMirrorExtent"]>[0]) => {
          const writer = await target.openMirrorExtent(options);
          return Object.defineProperty(writer, "writeStored", { value: undefined });
        };
      }
      return value.bind(receiver === undefined ? target : target) as unknown;
    },
  });

describe("an extent that is scanned here and applied there", () => {
  let dir: string;
  let store: StorageDriver;
  let sequence = 0;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "scan-"));
    store = await openStorage({ kind: "extentstore", dir });
  });
  after(async () => {
    await store.close();
    await rm(dir, { recursive: true });
  });

  const openSnapshotOf = async (group: number) => {
    const [snapshot] = (await store.findGroup(groupOf(group)))?.snapshots ?? [];
    assert(snapshot !== undefined);
    return store.openSnapshot({ snapshotId: snapshot.snapshotId, of: "anybody" });
  };

  /** A volume with two snapshots, and a mirror that has the first of them. */
  const world = async (was: Uint8Array, is: Uint8Array, geometry = plain) => {
    const first = ++sequence;
    const second = ++sequence;
    const volume = await store.createVolume({ name: `v${first}`, kind: "volume", sizeBytes: was.length, geometry });
    const volumeIds = volume.volumes.map(({ id }) => id);
    await writeTo(store, volume, [{ offset: 0, data: was }]);
    await store.snapshotGroup({ groupId: groupOf(first), owner, volumeIds });
    await writeTo(store, volume, [{ offset: 0, data: is }]);
    await store.snapshotGroup({ groupId: groupOf(second), owner, volumeIds });
    const run = runOf(first);
    const [mirror] = await store.prepareMirror({ owner, object: volume, run: { ...run, index: 0 } });
    assert(mirror !== undefined);
    const { mirrorVolumeId } = mirror;
    const session = { owner, mirrorVolumeId, ...run, baseGroupId: null, sizeBytes: was.length, geometry };
    return { volume, mirrorVolumeId, first, second, epoch: (await store.openMirror(session)).epoch };
  };
  type World = Awaited<ReturnType<typeof world>>;

  /** Sends an extent of a group to the mirror as it is. */
  const send = async (
    of: World,
    wanted: Partial<ScanJob> & Pick<ScanJob, "how">,
    {
      source = store,
      target = store,
      group = of.second,
      kept = undefined,
      watches = {},
    }: {
      source?: StorageDriver;
      kept?: KeptHashes | undefined;
      target?: StorageDriver;
      group?: number;
      watches?: Partial<Record<"scan" | "compare" | "signature" | "apply", JobWatch>>;
    } = {},
  ) => {
    const { mirrorVolumeId, epoch } = of;
    const extent = wanted.extent ?? 0;
    const snapshot = await openSnapshotOf(group);
    const job: ScanJob = {
      snapshot,
      base: await openSnapshotOf(of.first),
      extent,
      encoding: level1,
      verify: false,
      ...wanted,
    };
    let matched: Pick<ScanJob, "target"> = {};
    if (job.how === "match") {
      const signature = createSignature(target);
      const hashes = await signature({ mirrorVolumeId, epoch, extent, blocks: undefined }, watch);
      const { blocks } = await createCompare(source)({ snapshot, extent, hashes }, watches.compare ?? watch);
      if (blocks.length === 0) return { bytes: 0, identical: true };
      const grains = await signature({ mirrorVolumeId, epoch, extent, blocks }, watches.signature ?? watch);
      matched = { target: { blocks, grains } };
    }
    let bytes = 0;
    const scan = createScan(source, kept)({ ...job, ...matched }, watches.scan ?? watch);
    const chunks: Uint8Array[] = [];
    for (;;) {
      const next = await scan.next();
      if (next.done === true) {
        if (next.value.identical) return { bytes, identical: true };
        const { sizeBytes, geometry } = of.volume.volumes[0] as ObjectConfig["volumes"][number];
        const from = job.how === "full" || job.how === "zero" ? "zeros" : "base";
        const body = async function* () {
          yield* chunks;
        };
        const applied = await createApply(target)(
          { mirrorVolumeId, epoch, extent, from, sizeBytes, geometry },
          body(),
          watches.apply ?? watch,
        );
        assert.equal(applied.digest, next.value.digest);
        return { bytes, identical: false };
      }
      chunks.push(next.value);
      bytes += next.value.length;
    }
  };

  const mirrorContent = async ({ mirrorVolumeId, volume }: World) => {
    const reader = await store.openVolume(mirrorVolumeId, "read");
    const content = Buffer.alloc(volume.volumes[0]?.sizeBytes ?? 0);
    await reader.read(0, content);
    await reader.close();
    return content;
  };

  const text = Buffer.alloc(extentBytes, "some text that is not all the same, ");
  for (let at = 0; at < text.length; at += 4096) text.writeUInt32LE((at * 2654435761) % 2 ** 32, at);

  test("says how far it is, whether it knows beforehand what differs or has to read for it", async () => {
    const was = noise(extentBytes, 1);
    const of = await world(was, Buffer.concat([was.subarray(0, 8 * blockBytes), noise(8 * blockBytes, 2)]));
    for (const [source, how, of16] of [
      [store, "full", Array.from({ length: 16 }, (_, block) => [block, 16])],
      [store, "diff", Array.from({ length: 8 }, (_, block) => [block, 8])],
      [plainCluster(store), "diff", [0, 4, 8, 8, 9, 10, 11, 12, 12, 13, 14, 15].map((block) => [block, 16])],
    ] as const) {
      const said: number[][] = [];
      const [snapshot, base] = [await openSnapshotOf(of.second), await openSnapshotOf(of.first)];
      const job: ScanJob = { snapshot, base, extent: 0, how, encoding: level1, verify: false };
      const scan = createScan(source)(job, {
        ...watch,
        step: (done = -1, all = -1) => void said.push([done / blockBytes, all / blockBytes]),
      });
      for await (const _ of scan);
      assert.deepEqual(said, of16, how);
    }
  });

  test("that is new all over costs its compressed blocks, and its holes nothing", async () => {
    const content = Buffer.concat([noise(256 * KiB, 1), Buffer.alloc(256 * KiB), text.subarray(0, 512 * KiB)]);
    const of = await world(Buffer.alloc(extentBytes), content);
    const { bytes } = await send(of, { how: "full" });
    assert((await mirrorContent(of)).equals(content));
    assert(bytes < 256 * KiB + 64 * KiB, `${bytes} bytes`);
    const raw = await send(of, { how: "full", encoding: null });
    assert((await mirrorContent(of)).equals(content));
    assert(raw.bytes > 768 * KiB && raw.bytes < 768 * KiB * 1.01, `${raw.bytes} bytes`);
  });

  test("in which some bytes of pages changed costs some bytes a block", async () => {
    const was = noise(extentBytes, 3);
    const is = Buffer.from(was);
    for (let at = 5000; at < extentBytes; at += 40_000) is.write("changed", at);
    const of = await world(was, is);
    await send(of, { how: "full" }, { group: of.first });
    const { bytes } = await send(of, { how: "diff" });
    assert((await mirrorContent(of)).equals(is));
    assert(bytes < 16 * 150, `${bytes} bytes`);
    const without = await send(of, { how: "diff", encoding: { level: 1, dictionary: false } });
    assert(without.bytes > 20 * 4096, "the dictionary is a setting");
  });

  test("in which bytes were inserted costs a little, although everything behind them is elsewhere", async () => {
    const was = noise(extentBytes, 4);
    const is = Buffer.concat([was.subarray(0, 70_000), Buffer.from("inserted".repeat(40)), was.subarray(70_000)]);
    const of = await world(was, is.subarray(0, extentBytes));
    await send(of, { how: "full" }, { group: of.first });
    const { bytes } = await send(of, { how: "diff" });
    assert((await mirrorContent(of)).equals(is.subarray(0, extentBytes)));
    assert(bytes < 4000, `${bytes} bytes`);
  });

  test("in which stretches changed places is copied there, with a base here and without", async () => {
    const was = noise(extentBytes, 5);
    const at = (from: number, to: number) => was.subarray(from * KiB, to * KiB);
    const is = Buffer.concat([at(0, 100), at(500, 700), at(300, 500), at(100, 300), at(700, 1024)]);
    for (const how of ["diff", "match"] as const) {
      const of = await world(was, is);
      await send(of, { how: "full" }, { group: of.first });
      const { bytes } = await send(of, { how });
      assert((await mirrorContent(of)).equals(is));
      // With a base, up to a block at the beginning of a stretch is not found.
      assert(bytes < 2 * blockBytes + 4000, `${how}: ${bytes} bytes`);
    }
  });

  test("with new content in front of what has moved by a few bytes costs the new content and little more", async () => {
    const large = { extentBytes: 64 * blockBytes, stripeCount: 1, stripeBytes: 64 * blockBytes };
    const was = noise(large.extentBytes, 7);
    const isNew = noise(40 * blockBytes, 8);
    const is = Buffer.concat([isNew, Buffer.alloc(11, "x"), was.subarray(40 * blockBytes)]).subarray(0, was.length);
    const of = await world(was, is, large);
    await send(of, { how: "full" }, { group: of.first });
    const { bytes } = await send(of, { how: "diff" });
    assert((await mirrorContent(of)).equals(is));
    // Behind so many blocks that are like nothing before, up to seven are not looked at.
    assert(bytes < isNew.length + 9 * blockBytes, `${bytes} bytes`);
  });

  test("whose block differs though none of its grains seems to is sent all the same", async () => {
    const was = noise(extentBytes, 9);
    const is = Buffer.from(was);
    noise(blockBytes, 10).copy(is, 3 * blockBytes);
    const of = await world(was, is);
    const grains = grainHashes(is.subarray(3 * blockBytes, 4 * blockBytes));
    const job: ScanJob = {
      ...{ snapshot: await openSnapshotOf(of.second), base: null, extent: 0, how: "match" },
      ...{ encoding: level1, verify: false, target: { blocks: [3], grains } },
    };
    const scan = createScan(store)(job, watch);
    let bytes = 0;
    let next = await scan.next();
    for (; next.done !== true; next = await scan.next()) bytes += next.value.length;
    assert.equal(next.value.identical, false);
    assert.ok(bytes > blockBytes);
  });

  test("is heard of block by block at the source and frame by frame at the target, whatever has to be read", async () => {
    const blocks = extentBytes / blockBytes;
    for (const [how, source] of [
      ["full", store],
      ["diff", store],
      ["match", store],
      ["diff", plainCluster(store)],
      ["match", plainCluster(store)],
    ] as const) {
      const of = await world(noise(extentBytes, 20), noise(extentBytes, 21));
      await send(of, { how: "full" }, { group: of.first });
      const steps = { scan: 0, compare: 0, signature: 0, apply: 0 };
      const counted = (part: keyof typeof steps): JobWatch => ({ ...watch, step: () => void steps[part]++ });
      const watches = {
        ...{ scan: counted("scan"), compare: counted("compare") },
        ...{ signature: counted("signature"), apply: counted("apply") },
      };
      await send(of, { how }, { source, watches });
      assert.ok(steps.scan >= blocks && steps.apply > 0, `${how}: ${JSON.stringify(steps)}`);
      if (how === "match") assert.deepEqual([steps.compare, steps.signature], [blocks, blocks]);
    }
  });

  describe("whose hashes were kept when it was read before", () => {
    const labels = (of: World, now: "first" | "second") => ({
      ...{ mirror: of.mirrorVolumeId, now: `${of[now]}` },
      base: now === "first" ? null : { label: `${of.first}`, isOnce: true },
    });
    /** A cluster without hashes, and how much is read there of the first snapshot. */
    const counting = (of: World) => {
      const plainStore = plainCluster(store);
      const read = { bytes: 0 };
      const source = new Proxy(plainStore, {
        get: (target, name) =>
          name !== "readSnapshot"
            ? Reflect.get(target, name)
            : async (handle: SnapshotHandle) => {
                const reader = await target.readSnapshot(handle);
                const isBase = handle.snapshotId === (await openSnapshotOf(of.first)).snapshotId;
                return {
                  ...reader,
                  read: async (offset: number, into: Uint8Array) => {
                    if (isBase) read.bytes += into.length;
                    return reader.read(offset, into);
                  },
                };
              },
      });
      return { source, read };
    };
    const sent = async (was: Uint8Array, is: Uint8Array) => {
      const of = await world(was, is);
      const { source, read } = counting(of);
      const kept = new KeptHashes(join(dir, "hashes"));
      await send(of, { how: "full", labels: labels(of, "first") }, { source, kept, group: of.first });
      read.bytes = 0;
      return { of, source, read, kept };
    };

    test("is compared with them: of the base what changed in part is read alone", async () => {
      const was = noise(extentBytes, 30);
      const is = Buffer.from(was);
      is.write("changed", 3 * blockBytes + 100);
      is.fill(0, 7 * blockBytes, 8 * blockBytes);
      const { of, source, read, kept } = await sent(was, is);
      const { bytes } = await send(of, { how: "diff", labels: labels(of, "second") }, { source, kept });
      assert((await mirrorContent(of)).equals(is));
      assert(bytes < 4096, `${bytes} bytes`);
      assert.equal(read.bytes, blockBytes);
    });

    test("has nothing read of its base where nothing changed", async () => {
      const was = noise(extentBytes, 31);
      const { of, source, read, kept } = await sent(was, was);
      const { identical } = await send(of, { how: "diff", labels: labels(of, "second") }, { source, kept });
      assert.deepEqual([identical, read.bytes], [true, 0]);
    });

    test("that is new all over has only some of its base read", async () => {
      const large = { extentBytes: 64 * blockBytes, stripeCount: 1, stripeBytes: 64 * blockBytes };
      const [was, is] = [noise(large.extentBytes, 32), noise(large.extentBytes, 33)];
      const of = await world(was, is, large);
      const { source, read } = counting(of);
      const kept = new KeptHashes(join(dir, "hashes"));
      await send(of, { how: "full", labels: labels(of, "first") }, { source, kept, group: of.first });
      read.bytes = 0;
      await send(of, { how: "diff", labels: labels(of, "second") }, { source, kept });
      assert((await mirrorContent(of)).equals(is));
      // One of eight, and its neighbours for the dictionary.
      assert(read.bytes < 40 * blockBytes, `${read.bytes} bytes`);
    });

    test("has small changes told as such, although much that is new came before", async () => {
      const large = { extentBytes: 32 * blockBytes, stripeCount: 1, stripeBytes: 32 * blockBytes };
      const was = noise(large.extentBytes, 42);
      const is = Buffer.from(was);
      // The eighth small change is looked at, and those behind it, in spite of one new block.
      for (let block = 0; block < 24; block++) {
        if (block < 8 || block === 16) is.set(noise(blockBytes, 43 + block), block * blockBytes);
        else is.write("changed", block * blockBytes + 100);
      }
      const of = await world(was, is, large);
      const { source } = counting(of);
      const kept = new KeptHashes(join(dir, "hashes"));
      await send(of, { how: "full", labels: labels(of, "first") }, { source, kept, group: of.first });
      const { bytes } = await send(of, { how: "diff", labels: labels(of, "second") }, { source, kept });
      assert((await mirrorContent(of)).equals(is));
      assert(bytes < 17 * blockBytes, `${bytes} bytes`);
    });

    test("is compared with its base where they are of another content, or after damage", async () => {
      const was = noise(extentBytes, 34);
      const is = Buffer.concat([noise(blockBytes, 35), was.subarray(blockBytes)]);
      for (const wanted of [
        { labels: { mirror: "another", now: "x", base: { label: "y", isOnce: true } } },
        { verify: true },
      ]) {
        const { of, source, read, kept } = await sent(was, is);
        await send(of, { how: "diff", labels: labels(of, "second"), ...wanted }, { source, kept });
        assert((await mirrorContent(of)).equals(is));
        assert(read.bytes >= extentBytes, `${read.bytes} bytes`);
      }
    });

    test("is not taken by the target where they are wrong", async () => {
      const was = noise(extentBytes, 36);
      const is = Buffer.concat([noise(2 * blockBytes, 37), was.subarray(2 * blockBytes)]);
      const { of, source, kept } = await sent(was, is);
      const place = { mirror: of.mirrorVolumeId, geometry: plain, extent: 0 };
      const hashes = await kept.find(place, `${of.first}`);
      assert(hashes !== undefined);
      // The first block seems not to have changed.
      hashes.set(blockHash(is.subarray(0, blockBytes)));
      await kept.keep(place, `${of.first}`, hashes);
      const again = send(of, { how: "diff", labels: labels(of, "second") }, { source, kept });
      await assert.rejects(again, { code: "CHECKSUM_MISMATCH" });
      assert((await mirrorContent(of)).equals(was));
    });

    test("is not taken for unchanged where its base's label was another content's before", async () => {
      const [was, is] = [noise(extentBytes, 39), noise(extentBytes, 40)];
      const { of, source, read, kept } = await sent(was, is);
      const place = { mirror: of.mirrorVolumeId, geometry: plain, extent: 0 };
      const before = Buffer.concat(
        Array.from({ length: 16 }, (_, at) => blockHash(is.subarray(at * blockBytes, (at + 1) * blockBytes))),
      );
      await kept.keep(place, "token", before);
      const again = { ...labels(of, "second"), base: { label: "token", isOnce: false } };
      await assert.rejects(send(of, { how: "diff", labels: again }, { source, kept }), { code: "STORE_CORRUPT" });
      assert.equal(await kept.find(place, `${of.second}`), undefined);
      await send(of, { how: "full", verify: true, labels: again }, { source, kept });
      assert((await mirrorContent(of)).equals(is));
      // Where they are right the base is read for that, once.
      read.bytes = 0;
      await kept.keep(place, "token", before);
      const same = await world(is, is);
      const counted = counting(same);
      const mine = { mirror: of.mirrorVolumeId, now: "x", base: { label: "token", isOnce: false } };
      const { identical } = await send(same, { how: "diff", labels: mine }, { source: counted.source, kept });
      assert.deepEqual([identical, counted.read.bytes], [true, extentBytes]);
    });

    test("is sent where it is as its base is, and the target was sent something else", async () => {
      const was = noise(extentBytes, 41);
      const misread = Buffer.from(was);
      misread.write("misread", 5 * blockBytes);
      // The mirror has what was read and sent, which was not what the first snapshot is.
      const { of, kept } = await sent(was, was);
      const liar = new Proxy(plainCluster(store), {
        get: (target, name) =>
          name !== "readSnapshot"
            ? Reflect.get(target, name)
            : async (handle: SnapshotHandle) => ({
                ...(await target.readSnapshot(handle)),
                read: async (offset: number, into: Uint8Array) =>
                  into.set(misread.subarray(offset, offset + into.length)),
              }),
      });
      await send(of, { how: "full", labels: labels(of, "first") }, { source: liar, kept, group: of.first });
      assert((await mirrorContent(of)).equals(misread));
      await send(of, { how: "diff", labels: labels(of, "second") }, { source: plainCluster(store), kept });
      assert((await mirrorContent(of)).equals(was));
    });

    test("is sent all the same where they can't be kept, which is told", async () => {
      const is = noise(extentBytes, 38);
      const of = await world(Buffer.alloc(extentBytes), is);
      const file = join(dir, "a file");
      await writeFile(file, "");
      const job = {
        ...{ snapshot: await openSnapshotOf(of.second), base: null, extent: 0, how: "full" as const },
        ...{ encoding: level1, verify: false, labels: labels(of, "second") },
      };
      const scan = createScan(plainCluster(store), new KeptHashes(file))(job, watch);
      let next = await scan.next();
      while (next.done !== true) next = await scan.next();
      assert.match(next.value.notKept ?? "", /ENOTDIR/);
    });
  });

  test("of which only one snapshot's blocks are known arrives", async () => {
    const was = noise(extentBytes, 12);
    const is = Buffer.concat([noise(3 * blockBytes, 13), was.subarray(3 * blockBytes)]);
    const of = await world(was, is);
    await send(of, { how: "full" }, { group: of.first });
    for (const group of [of.first, of.second]) {
      const hidden = await openSnapshotOf(group);
      const hiding = plainCluster(store);
      const readSnapshot = (handle: SnapshotHandle) =>
        (handle.snapshotId === hidden.snapshotId ? hiding : store).readSnapshot(handle);
      const source = new Proxy(store, {
        get: (target, name) => (name === "readSnapshot" ? readSnapshot : Reflect.get(target, name, target)),
      });
      await send(of, { how: "diff" }, { source });
      assert((await mirrorContent(of)).equals(is));
    }
  });

  test("of more blocks than a frame has entries arrives", async () => {
    const many = 600;
    const large = { extentBytes: 1024 * blockBytes, stripeCount: 1, stripeBytes: 1024 * blockBytes };
    const is = Buffer.alloc(large.extentBytes);
    for (let block = 0; block < many; block++) is.fill(`block ${block} `, block * blockBytes, (block + 1) * blockBytes);
    const of = await world(Buffer.alloc(is.length, "before"), is, large);
    await send(of, { how: "full" }, { group: of.first });
    const { bytes } = await send(of, { how: "full" });
    assert((await mirrorContent(of)).equals(is));
    assert(bytes < many * 200, `${bytes} bytes`);
  });

  test("that the target has already is not sent, whatever its token says", async () => {
    const was = noise(extentBytes, 6);
    const of = await world(was, was);
    await send(of, { how: "full" }, { group: of.first });
    for (const how of ["diff", "match"] as const)
      assert.deepEqual(await send(of, { how }), { bytes: 0, identical: true });
  });

  /** A change to an extent: other bytes, zeros, bytes inserted or bytes from elsewhere. */
  const change = fc.record({
    what: fc.constantFrom("noise", "text", "zeros", "insert", "move", "bit"),
    at: fc.nat(extentBytes - 1),
    length: fc.integer({ min: 1, max: 300 * KiB }),
    from: fc.nat(extentBytes - 1),
  });
  const changed = (was: Buffer, changes: readonly (typeof change extends fc.Arbitrary<infer C> ? C : never)[]) => {
    let is = Buffer.from(was);
    for (const { what, at, length, from } of changes) {
      const end = Math.min(is.length, at + length);
      if (what === "noise") noise(end - at, length).copy(is, at);
      else if (what === "text") text.copy(is, at, 0, end - at);
      else if (what === "zeros") is.fill(0, at, end);
      else if (what === "bit") is[at] = (is[at] ?? 0) ^ 1;
      else if (what === "insert") {
        const inserted = noise(Math.min(length, 9000), from);
        is = Buffer.concat([is.subarray(0, at), inserted, is.subarray(at)]).subarray(0, was.length);
      } else {
        const grains = Math.floor(from / 4096) * 4096;
        const part = Buffer.from(is.subarray(grains, Math.min(is.length, grains + length)));
        part.copy(is, Math.floor(at / 4096) * 4096);
      }
    }
    return is;
  };

  test("arrives byte for byte, whatever changed, however it is compared and encoded, and whatever the clusters know", async () => {
    const changes = fc.array(change, { maxLength: 5 });
    const encodings = fc.constantFrom<Encoding | null>(
      null,
      level1,
      { level: 3, dictionary: true },
      { level: -3, dictionary: false },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          before: changes,
          changes,
          encoding: encodings,
          how: fc.constantFrom<ScanJob["how"]>("full", "diff", "match"),
          verify: fc.boolean(),
          sourceKnows: fc.boolean(),
          targetKnows: fc.boolean(),
          geometry: fc.constantFrom(plain, striped),
        }),
        async ({ before: early, changes: late, encoding, how, verify, sourceKnows, targetKnows, geometry }) => {
          const was = changed(Buffer.alloc(geometry.extentBytes * geometry.stripeCount), [
            { what: "text", at: 100, length: 300_000, from: 0 },
            ...early,
          ]);
          const is = changed(was, late);
          const of = await world(was, is, geometry);
          const source = sourceKnows ? store : plainCluster(store);
          const target = targetKnows ? store : plainCluster(store);
          for (let extent = 0; extent < geometry.stripeCount; extent++) {
            await send(of, { how: "full", extent }, { group: of.first });
            await send(of, { how, encoding, verify, extent }, { source, target });
          }
          assert((await mirrorContent(of)).equals(is));
        },
      ),
      { numRuns: 120 },
    );
  });
});
