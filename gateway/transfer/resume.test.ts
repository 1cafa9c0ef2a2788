import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { inspect } from "node:util";
import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { credentialsOf, newAuthority, site } from "./testing/credentials.ts";
import { dataSizes, openTwoSites, owner, runOf, type TwoSites, writeTo } from "./testing/two-sites.ts";

const mib = 1024 * 1024;
const plain = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };

const code = (expected: string) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

/** Flips bits in what data files of a folder hold beyond what they had. */
const damage = async (dataDir: string, had: ReadonlyMap<string, number>): Promise<void> => {
  for (const file of (await dataSizes(dataDir)).keys()) {
    const content = await readFile(file);
    for (let at = (had.get(file) ?? 0) + 1000; at < content.length; at += 60_000) content[at] = (content[at] ?? 0) ^ 1;
    await writeFile(file, content);
  }
};

/** A body. */
async function* of(...chunks: Uint8Array[]) {
  yield* chunks;
}

describe("a transfer that is disturbed", () => {
  let sites: TwoSites;
  let sequence = 0;
  /** Extents whose upload came, in order. */
  let puts: number[] = [];
  /** Done to the chunks of the scans that follow, while there are any. */
  let damages: ((chunk: Uint8Array) => void)[] = [];
  /** An extent that a writer of this epoch, or an older one, may still be at. */
  let held: { readonly extent: number; readonly epoch: number } | undefined;
  /** What a target says to have begun. */
  let begun: readonly number[] = [];
  /** So often a target says that it has not all of it. */
  let incomplete = 0;
  before(async () => {
    sites = await openTwoSites({
      handlers: ({ handler, uploads }) => ({
        handler: async (request, ...more) => {
          if (request.url?.includes("/complete?") && incomplete-- > 0) {
            throw new VisibleError("GROUP_INCOMPLETE", "an extent was begun");
          }
          return handler(request, ...more);
        },
        uploads: async (upload, identity) => {
          const [, extent, epoch] = /extents\/(\d+).*epoch=(\d+)/.exec(upload.path)?.map(Number) ?? [];
          puts.push(extent ?? Number.NaN);
          if (held !== undefined && extent === held.extent && (epoch ?? 0) <= held.epoch) {
            throw new VisibleError("CLUSTER_BUSY", "another may be at it");
          }
          return uploads(upload, identity);
        },
      }),
      workers: (workers) => ({
        ...workers,
        scan: async function* (job, signal) {
          const scan = workers.scan(job, signal);
          try {
            for (;;) {
              const next = await scan.next();
              if (next.done === true) return next.value;
              damages.shift()?.(next.value);
              yield next.value;
            }
          } finally {
            await scan.return(undefined as never);
          }
        },
      }),
    });
  });
  before(() => {
    const { target } = sites;
    const openMirror = target.openMirror.bind(target);
    target.openMirror = async (...of) => ({ ...(await openMirror(...of)), begun });
  });
  after(() => sites.close());
  beforeEach(() => {
    puts = [];
    damages = [];
    held = undefined;
    begun = [];
    incomplete = 0;
  });

  const newVolume = async () => {
    sequence += 10;
    const volume = await sites.createVolume(`v${sequence}`, 6 * mib, plain);
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(6 * mib) }]);
    await sites.snapshot(volume, sequence);
    return { volume, group: sequence };
  };

  test("goes on after a cut with the extents that were not acknowledged", async () => {
    const { volume, group } = await newVolume();
    const cut = new AbortController();
    const acknowledged: number[] = [];
    const first = sites.send(volume, group, null, {
      extentsInFlight: 1,
      signal: cut.signal,
      onAcknowledged: (extent) => {
        acknowledged.push(extent);
        if (acknowledged.length === 3) cut.abort(new VisibleError("TIMEOUT", "cut"));
      },
    });
    await assert.rejects(first, code("TIMEOUT"));
    assert.deepEqual(acknowledged, [0, 1, 2]);
    puts = [];
    const { progress, acknowledgedExtents, mirrorVolumeId } = await sites.send(volume, group, null);
    assert.ok(
      puts.every((extent) => extent >= 3),
      `sent again: ${puts}`,
    );
    assert.deepEqual([acknowledgedExtents, progress.extentsUnchanged, progress.extentsDone], [3, 3, 6]);
    await sites.publish(mirrorVolumeId, group);
    await sites.assertEqual(group);
  });

  test("opens its session anew where a cut writer may be at an extent still, and sends nothing twice", async () => {
    const { volume, group } = await newVolume();
    held = { extent: 3, epoch: 2 };
    const { progress, acknowledgedExtents, mirrorVolumeId } = await sites.send(volume, group, null, {
      extentsInFlight: 1,
    });
    assert.deepEqual(puts, [0, 1, 2, 3, 3, 3, 3, 4, 5]);
    assert.deepEqual([acknowledgedExtents, progress.extentsDone, progress.phase], [6, 6, "done"]);
    await sites.publish(mirrorVolumeId, group);
    await sites.assertEqual(group);
  });

  test("opens its session anew where the target says that it has not all, and gives up when it stays so", async () => {
    const { volume, group } = await newVolume();
    incomplete = 3;
    await assert.rejects(sites.send(volume, group, null), code("GROUP_INCOMPLETE"));
    assert.deepEqual(puts.toSorted(), [0, 1, 2, 3, 4, 5]);
    incomplete = 2;
    const { progress } = await sites.send(volume, group, null);
    assert.equal(progress.phase, "done");
  });

  test("tells of what the target has begun also where nothing differs, with the base and without", async () => {
    for (const baseLost of [false, true]) {
      const { volume, group } = await newVolume();
      const { mirrorVolumeId } = await sites.send(volume, group, null);
      await sites.publish(mirrorVolumeId, group);
      await sites.snapshot(volume, group + 1);
      [puts, begun] = [[], [1, 2]];
      const { acknowledgedExtents, progress } = await sites.send(volume, group + 1, group, { baseLost });
      assert.deepEqual([puts.toSorted(), acknowledgedExtents, progress.bytesChanged], [[1, 2], 2, 0]);
      begun = [];
      await sites.publish(mirrorVolumeId, group + 1);
      await sites.assertEqual(group + 1);
    }
  });

  test("gives up where a cluster stays busy, and leaves what is committed", async () => {
    const { volume, group } = await newVolume();
    held = { extent: 3, epoch: 100 };
    await assert.rejects(sites.send(volume, group, null, { extentsInFlight: 1 }), code("CLUSTER_BUSY"));
    assert.deepEqual(puts, [0, 1, 2, ...Array.from({ length: 9 }, () => 3)]);
    held = undefined;
    puts = [];
    await sites.send(volume, group, null);
    assert.deepEqual(puts.toSorted(), [3, 4, 5]);
  });

  test("leaves the target's session alone where its own cluster is busy", async () => {
    const { volume, group } = await newVolume();
    const busy = () => {
      throw new VisibleError("CLUSTER_BUSY", "ours is");
    };
    damages = [busy, busy, busy, busy];
    await assert.rejects(sites.send(volume, group, null, { extentsInFlight: 1 }), code("CLUSTER_BUSY"));
    assert.deepEqual([puts, damages.length], [[], 1]);
  });

  test("sends nothing at all when the mirror was complete and only the answer was lost", async () => {
    const { volume, group } = await newVolume();
    await sites.send(volume, group, null);
    puts = [];
    const { acknowledgedExtents, progress } = await sites.send(volume, group, null);
    assert.deepEqual([puts, acknowledgedExtents, progress.phase], [[], 0, "done"]);
  });

  test("sends an extent again of which a byte was flipped on the way", async () => {
    for (const at of [0, 5, 30, 100_000]) {
      const { volume, group } = await newVolume();
      damages = [
        (chunk) => {
          chunk[at] = (chunk[at] ?? 0) ^ 1;
        },
      ];
      puts = [];
      const { mirrorVolumeId } = await sites.send(volume, group, null, { extentsInFlight: 1 });
      assert.deepEqual(puts, [0, 0, 1, 2, 3, 4, 5], `a flipped byte ${at} was refused`);
      await sites.publish(mirrorVolumeId, group);
      await sites.assertEqual(group);
    }
  });

  test("gives up an extent that is damaged every time, and the mirror keeps what it had", async () => {
    const { volume, group } = await newVolume();
    damages = Array.from({ length: 100 }, () => (chunk: Uint8Array) => {
      chunk[40] = (chunk[40] ?? 0) ^ 1;
    });
    await assert.rejects(sites.send(volume, group, null, { extentsInFlight: 1 }), code("CHECKSUM_MISMATCH"));
    assert.deepEqual(puts, [0, 0, 0]);
  });

  test("heals a mirror whose base is not what the source takes it for", async () => {
    const { volume, group } = await newVolume();
    const { mirrorVolumeId } = await sites.send(volume, group, null);
    await sites.publish(mirrorVolumeId, group);
    await writeTo(sites.source, volume, [{ offset: 4096, data: randomBytes(4096) }]);
    await sites.snapshot(volume, group + 1);
    await writeTo(sites.source, volume, [{ offset: 300_000, data: randomBytes(4096) }]);
    await sites.snapshot(volume, group + 2);
    puts = [];
    await sites.send(volume, group + 2, group, { wrongBase: group + 1 });
    await sites.publish(mirrorVolumeId, group + 2);
    await sites.assertEqual(group + 2);
    assert.deepEqual(puts, [0, 0]);
  });

  test("heals an extent that nobody looked at, because its token said that it had not changed", async () => {
    const { volume, group } = await newVolume();
    const { mirrorVolumeId } = await sites.send(volume, group, null);
    await sites.publish(mirrorVolumeId, group);
    await writeTo(sites.source, volume, [{ offset: 4096, data: randomBytes(4096) }]);
    await sites.snapshot(volume, group + 1);
    await writeTo(sites.source, volume, [{ offset: 3 * mib, data: randomBytes(4096) }]);
    await sites.snapshot(volume, group + 2);
    puts = [];
    await sites.send(volume, group + 2, group, { wrongBase: group + 1 });
    await sites.publish(mirrorVolumeId, group + 2);
    await sites.assertEqual(group + 2);
    assert.deepEqual(puts, [3, 0], "the volume's digest told");
  });

  test("heals what the target's disk has damaged where it is looked at, and says what was wrong", async () => {
    sequence += 10;
    const volume = await sites.createVolume(`damaged${sequence}`, mib, plain);
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(mib) }]);
    await sites.snapshot(volume, sequence);
    const had = await dataSizes(sites.targetData);
    const { mirrorVolumeId } = await sites.send(volume, sequence, null);
    await sites.publish(mirrorVolumeId, sequence);
    await damage(sites.targetData, had);
    await writeTo(sites.source, volume, [{ offset: 300_000, data: randomBytes(100) }]);
    await sites.snapshot(volume, sequence + 1);
    puts = [];
    await sites.send(volume, sequence + 1, sequence);
    await sites.publish(mirrorVolumeId, sequence + 1);
    await sites.assertEqual(sequence + 1);
    assert.deepEqual(puts, [0, 0], "once as a change, once in full");
    const said = JSON.stringify(sites.log.lines);
    assert.match(said, /STORE_CORRUPT|can't be read, its checksum doesn't match: extent 0, block/);
  });

  /**
   * A volume whose first group the target has, and the data file that the source keeps its 16
   * blocks in, as they are.
   */
  const sentVolume = async () => {
    sequence += 10;
    const volume = await sites.createVolume(`sent${sequence}`, mib, plain);
    const had = new Set(await readdir(sites.sourceData));
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(mib) }]);
    await sites.snapshot(volume, sequence);
    const { mirrorVolumeId } = await sites.send(volume, sequence, null);
    await sites.publish(mirrorVolumeId, sequence);
    const [name] = (await readdir(sites.sourceData)).filter((file) => !had.has(file));
    assert.ok(name !== undefined);
    puts = [];
    return { volume, group: sequence, mirrorVolumeId, file: path.join(sites.sourceData, name) };
  };

  const overwrite = async (file: string, offset: number, bytes: Uint8Array) => {
    const handle = await open(file, "r+");
    await handle.write(bytes, 0, bytes.length, offset);
    await handle.close();
  };

  test("is not led astray by a base that the source's disk has damaged", async () => {
    const { volume, group, mirrorVolumeId, file } = await sentVolume();
    await writeTo(sites.source, volume, [
      { offset: 4096, data: randomBytes(100) },
      { offset: 5 * blockBytes, data: randomBytes(blockBytes) },
    ]);
    await sites.snapshot(volume, group + 1);
    for (const block of [0, 5]) await overwrite(file, block * blockBytes + 2048, randomBytes(8192));
    await sites.send(volume, group + 1, group);
    await sites.publish(mirrorVolumeId, group + 1);
    await sites.assertEqual(group + 1);
  });

  test("sends in full what reads as its base does in spite of its hash", async () => {
    const { volume, group, mirrorVolumeId, file } = await sentVolume();
    const data = randomBytes(blockBytes);
    await writeTo(sites.source, volume, [{ offset: 5 * blockBytes, data }]);
    await sites.snapshot(volume, group + 1);
    await overwrite(file, 5 * blockBytes, data);
    const lines = sites.log.lines.length;
    await sites.send(volume, group + 1, group);
    await sites.publish(mirrorVolumeId, group + 1);
    await sites.assertEqual(group + 1);
    assert.deepEqual(puts, [0]);
    const [said] = sites.log.lines.slice(lines).filter(({ level }) => level === "warn");
    assert.match(inspect(said?.fields), /reads as its base does, and has another hash/);
  });

  test("gives up, naming the place, when the source's disk has damaged what is to be sent", async () => {
    for (const isFirst of [true, false]) {
      const { volume, group } = await sentVolume();
      const sent = isFirst ? await sites.createVolume(`first${group}`, mib, plain) : volume;
      const had = await dataSizes(sites.sourceData);
      await writeTo(sites.source, sent, [{ offset: 0, data: randomBytes(200_000) }]);
      await sites.snapshot(sent, group + 1);
      await damage(sites.sourceData, had);
      const sending = sites.send(sent, group + 1, isFirst ? null : group);
      await assert.rejects(sending, (error: unknown) => {
        assert.ok(VisibleError.is(error, "STORE_CORRUPT"), String(error));
        assert.match(error.message, /of snapshot .* can't be read, its checksum doesn't match: extent 0, block/);
        return true;
      });
    }
  });

  test("is refused as soon as somebody else has begun to write the mirror", async () => {
    const { volume, group } = await newVolume();
    const [mirror] = await sites.prepare(volume, group);
    assert.ok(mirror !== undefined);
    const takeOver = sites.send(volume, group, null, {
      extentsInFlight: 1,
      onAcknowledged: () => {
        puts = [];
        const { mirrorVolumeId } = mirror;
        const shape = { sizeBytes: 6 * mib, geometry: plain };
        void sites.target.openMirror({ owner, mirrorVolumeId, ...runOf(group), baseGroupId: null, ...shape });
      },
    });
    await assert.rejects(takeOver, code("FENCED"));
    assert.equal(puts.length, 1, "a fenced sender does not try again");
  });

  test("is refused for a group that is published, and for an older one, which hears how new the newest is", async () => {
    const { volume, group } = await newVolume();
    await sites.snapshot(volume, group + 1);
    const { mirrorVolumeId } = await sites.send(volume, group + 1, null);
    await sites.publish(mirrorVolumeId, group + 1);
    await assert.rejects(sites.send(volume, group + 1, null), code("GROUP_EXISTS"));
    await assert.rejects(sites.send(volume, group, null, { mirrorVolumeId }), {
      code: "GROUP_STALE",
      newestSequence: group + 1,
    });
  });

  test("is refused to a gateway of another site, whatever it says", async () => {
    const { volume, group } = await newVolume();
    const { mirrorVolumeId } = await sites.send(volume, group, null);
    const thief = await sites.connect({ credentials: await credentialsOf(sites.authority, "c") });
    await assert.rejects(sites.send(volume, group, null, { peer: thief }), code("PEER_REFUSED"));
    const signal = new AbortController().signal;
    for (const epoch of [1, 2, 3]) {
      const complete = {
        method: "POST",
        path: `/v1/sessions/${mirrorVolumeId}/complete?epoch=${epoch}`,
        signal,
      } as const;
      await assert.rejects(thief.request(complete), code("PEER_REFUSED"));
      const path = `/v1/sessions/${mirrorVolumeId}/extents/0?epoch=${epoch}&base=0`;
      await assert.rejects(thief.upload({ path, body: of(randomBytes(10)), signal }), code("PEER_REFUSED"));
    }
    await thief.close();
  });

  test("fails as a broken link when there is no gateway, and as a refusal when it is another's", async () => {
    const { volume, group } = await newVolume();
    const time = { nowMs: () => 0, sleep: async () => undefined };
    const nobody = await sites.connect({ endpoints: ["127.0.0.1:1"] });
    await assert.rejects(sites.send(volume, group, null, { peer: nobody, time }), code("LINK_BROKEN"));
    const stranger = await sites.connect({ credentials: await credentialsOf(await newAuthority(), "a") });
    await assert.rejects(sites.send(volume, group, null, { peer: stranger, time }), code("PEER_REFUSED"));
    const elsewhere = await sites.connect({ siteId: site("c") });
    await assert.rejects(sites.send(volume, group, null, { peer: elsewhere, time }), code("PEER_REFUSED"));
    await Promise.all([nobody.close(), stranger.close(), elsewhere.close()]);
  });

  test("is told what is wrong with a request that makes no sense", async () => {
    const signal = new AbortController().signal;
    const ask = (method: "GET" | "POST", path: string, json?: unknown) =>
      sites.peer.request({ method, path, json, signal });
    const upload = (path: string) => sites.peer.upload({ path, body: of(), signal });
    assert.deepEqual(await ask("GET", "/v1/health"), { status: "ok" });
    await assert.rejects(ask("GET", "/v1/elsewhere"), code("NOT_FOUND"));
    await assert.rejects(ask("POST", "/v1/sessions", { source: "a" }), code("BAD_REQUEST"));
    await assert.rejects(ask("POST", "/v1/sessions", "x".repeat(100_000)), code("BAD_REQUEST"));
    await assert.rejects(upload("/v1/sessions"), code("NOT_FOUND"));
    await assert.rejects(upload("http://[/"), code("BAD_REQUEST"));
    await assert.rejects(upload("/v1/sessions/nope/extents/0?epoch=1&base=0"), code("VOLUME_UNKNOWN"));
    await assert.rejects(upload("/v1/sessions/nope/extents/0?epoch=x&base=0"), code("BAD_REQUEST"));
    await assert.rejects(upload("/v1/sessions/%ff/extents/0?epoch=1&base=0"), code("BAD_REQUEST"));
  });

  test("commits nothing of a body without an end, and takes no extent that the volume does not have", async () => {
    const { volume, group } = await newVolume();
    const [mirror] = await sites.prepare(volume, group);
    assert.ok(mirror !== undefined);
    const { mirrorVolumeId } = mirror;
    const shape = { sizeBytes: 6 * mib, geometry: plain };
    const open = { owner, mirrorVolumeId, ...runOf(group), baseGroupId: null, ...shape };
    const { epoch } = await sites.target.openMirror(open);
    const signal = new AbortController().signal;
    const put = (extent: number, ...chunks: Uint8Array[]) => {
      const path = `/v1/sessions/${mirrorVolumeId}/extents/${extent}?epoch=${epoch}&base=0`;
      return sites.peer.upload({ path, body: of(...chunks), signal });
    };
    await assert.rejects(put(0), code("FRAME_INVALID"));
    await assert.rejects(put(0, randomBytes(10)), code("FRAME_INVALID"));
    await assert.rejects(put(0, Buffer.alloc(500_000, 9)), code("FRAME_INVALID"));
    await assert.rejects(put(6, randomBytes(10)), code("BAD_REQUEST"));
    const { done, epoch: next } = await sites.target.openMirror(open);
    assert.deepEqual([done, next], [[], epoch + 1]);
  });

  test("is refused at once when it is fenced, also while its own body has fallen silent", async () => {
    const { volume, group } = await newVolume();
    const { mirrorVolumeId } = await sites.send(volume, group, null);
    const never = Promise.withResolvers<void>();
    async function* silent() {
      yield randomBytes(10);
      await never.promise;
    }
    const put = sites.peer.upload({
      path: `/v1/sessions/${mirrorVolumeId}/extents/0?epoch=0&base=0`,
      body: silent(),
      signal: new AbortController().signal,
    });
    await assert.rejects(put, code("FENCED"));
    never.resolve();
  });
});
