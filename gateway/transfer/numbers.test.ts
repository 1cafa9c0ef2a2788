import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { extentsMax, type Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { blockBytes, plainGeometry } from "../../core/extent/geometry.ts";
import { answerBytesMax, paths, type SessionOpen, signatureBlocksMax } from "./protocol.ts";
import { groupOf, openTwoSites, owner, runOf, type TwoSites, writeTo } from "./testing/two-sites.ts";

const mib = 1024 * 1024;
const gib = 1024 * mib;
const plain: Geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
const small: Geometry = { extentBytes: blockBytes, stripeCount: 1, stripeBytes: blockBytes };
const largest: Geometry = { extentBytes: 2 * gib, stripeCount: 1, stripeBytes: 2 * gib };
const { signal } = new AbortController();

const code = (expected: string, what?: RegExp) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  if (what !== undefined) assert.match(error.message, what);
  return true;
};

describe("a site that tells wrong numbers", () => {
  let sites: TwoSites;
  let sequence = 0;
  /** What the target answers in place of what it would, by method and path. */
  let lies: { readonly to: RegExp; readonly text: string }[] = [];
  let puts = 0;
  let asked: string[] = [];

  const lie = (response: ServerResponse, text: string): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(text);
  };

  before(async () => {
    sites = await openTwoSites({
      handlers: ({ handler, uploads }) => ({
        handler: async (request, response, identity, watch) => {
          const what = `${request.method} ${request.url}`;
          asked.push(what);
          const told = lies.find(({ to }) => to.test(what));
          if (told === undefined) return handler(request, response, identity, watch);
          request.resume();
          lie(response, told.text);
        },
        uploads: async (upload, identity) => {
          const answer = await uploads(upload, identity);
          puts++;
          return answer;
        },
      }),
    });
  });
  after(() => sites.close());
  beforeEach(() => {
    lies = [];
    puts = 0;
    asked = [];
  });

  const mirrorOf = async (sizeBytes: number, geometry: Geometry) => {
    sequence += 10;
    const group = sequence;
    const object = await sites.createVolume(`v${group}`, sizeBytes, geometry);
    const [mirror] = await sites.prepare(object, group);
    assert.ok(mirror !== undefined);
    const { mirrorVolumeId } = mirror;
    const open = (told: Partial<SessionOpen> = {}) =>
      sites.peer.request({
        method: "POST",
        path: paths.sessions,
        json: {
          ...{ ...owner, mirrorVolumeId, groupId: groupOf(group), sequence: group, baseGroupId: null },
          ...{ sizeBytes, geometry, ...told },
        },
        signal,
      }) as Promise<{ readonly epoch: number; readonly done: unknown; readonly complete: boolean }>;
    return { object, group, mirrorVolumeId, open };
  };

  describe("as a source", () => {
    const lying: readonly (readonly [string, Partial<SessionOpen>, RegExp])[] = [
      [
        "`sizeBytes` 2^53−1 with a mirror of 1 GiB",
        { sizeBytes: 2 ** 53 - 1 },
        /makes no sense: sizeBytes: a volume has 262144/,
      ],
      [
        "2^45 at 64 KiB extents",
        { sizeBytes: 2 ** 45, geometry: small },
        /makes no sense: sizeBytes: a volume has 262144/,
      ],
      [
        "stripes of one byte",
        { geometry: { ...plainGeometry, stripeCount: 4, stripeBytes: 1 } },
        /makes no sense: geometry.stripeBytes/,
      ],
      [
        "stripes of no bytes",
        { geometry: { ...plainGeometry, stripeCount: 4, stripeBytes: 0 } },
        /makes no sense: geometry.stripeBytes/,
      ],
      [
        "129 stripes",
        { geometry: { ...plainGeometry, stripeCount: 129, stripeBytes: 4096 } },
        /makes no sense: geometry.stripeCount/,
      ],
      ["what can be, and is more than the mirror has", { sizeBytes: 2 * gib }, /another shape/],
      ["what can be, and is no multiple of anything, above the mirror's", { sizeBytes: gib + 1 }, /another shape/],
      [
        "another geometry that can be",
        { geometry: { ...plainGeometry, stripeCount: 4, stripeBytes: 4096 } },
        /another shape/,
      ],
    ];
    for (const [title, told, what] of lying) {
      test(`is refused with ${title}, and the mirror is what it was`, async () => {
        const { group, mirrorVolumeId, open } = await mirrorOf(gib, plainGeometry);
        // A session that would be the first, and one in place of another.
        await assert.rejects(open(told), code("BAD_REQUEST", what));
        const { epoch } = await open();
        await assert.rejects(open(told), code("BAD_REQUEST", what));
        assert.deepEqual(await sites.target.findMirrorVolume(mirrorVolumeId), {
          ...{ owner, sizeBytes: gib, geometry: plainGeometry, grant: runOf(group) },
        });
        // Who has begun is not fenced, and what it has told is not forgotten.
        await sites.peer.request({
          ...{ method: "POST", path: paths.complete(mirrorVolumeId, epoch), json: { digest: null }, signal },
        });
        assert.deepEqual(await open(), { epoch: epoch + 1, done: [], damaged: [], begun: [], complete: true });
      });
    }

    test("gets no grains of more blocks than an extent of ZBS has, nor of any block twice", async () => {
      const { mirrorVolumeId, open } = await mirrorOf(2 * gib, largest);
      const { epoch } = await open();
      const path = paths.signature({ mirrorVolumeId, extent: 0, epoch });
      const ask = (blocks: unknown, answerMax?: number) =>
        sites.peer.request({
          ...{ method: "POST", path, json: { blocks }, signal },
          ...(answerMax !== undefined && { answerBytesMax: answerMax }),
        });
      // A signature body for 32,768 blocks, in one range and in as many as there is room for.
      await assert.rejects(ask([[0, 32_767]]), code("BAD_REQUEST", /4096 blocks at the most/));
      await assert.rejects(ask(Array(6000).fill([0, 32_767])), code("BAD_REQUEST", /ascending and disjoint/));
      await assert.rejects(
        ask([
          [5, 5],
          [3, 3],
        ]),
        code("BAD_REQUEST", /ascending and disjoint/),
      );
      await assert.rejects(ask([[32_768, 32_768]]), code("BAD_REQUEST", /below 32768/));
      await assert.rejects(ask([]), code("BAD_REQUEST", /some blocks/));
      const bytes = 16 * 8;
      const answer = (await ask(
        [
          [7, 7],
          [32_767, 32_767],
        ],
        answerBytesMax.hashes(2 * bytes),
      )) as { hashes: string };
      assert.equal(Buffer.from(answer.hashes, "base64").length, 2 * bytes);
    });
  });

  describe("as a target", () => {
    /** Sends a group to a target that lies, which is to be found out. */
    const send = async (object: ObjectConfig, group: number, base: number | null = null, baseLost = false) =>
      sites.send(object, group, base, { baseLost });
    const ready = async () => {
      const { object, group } = await mirrorOf(4 * mib, plain);
      await writeTo(sites.source, object, [{ offset: 0, data: randomBytes(3 * mib) }]);
      await sites.snapshot(object, group);
      return { object, group };
    };
    const session = (told: object) => JSON.stringify({ epoch: 1, done: [], damaged: [], complete: false, ...told });

    test("`done` of 16 MiB of overlapping ranges is not read to its end", async () => {
      const { object, group } = await ready();
      const text = session({ done: Array((16 * mib) / 8).fill([0, 999]) });
      assert(text.length > 16 * mib);
      lies = [{ to: /POST \/v1\/sessions$/, text }];
      await assert.rejects(send(object, group), code("LINK_BROKEN", /longer than 65600 bytes/));
      assert.equal(puts, 0);
    });

    for (const [title, told] of [
      [
        "ranges that overlap",
        {
          done: [
            [0, 1],
            [1, 2],
          ],
        },
      ],
      [
        "ranges that go down",
        {
          damaged: [
            [2, 2],
            [0, 0],
          ],
        },
      ],
      ["extents that the volume does not have", { done: [[0, 4]] }],
      ["begun what the volume does not have", { begun: [[4, 4]] }],
      ["all extents that there can be", { done: [[0, Number.MAX_SAFE_INTEGER]] }],
      ["ranges the wrong way round", { done: [[2, 1]] }],
    ] as const) {
      test(`is not believed to have ${title}`, async () => {
        const { object, group } = await ready();
        lies = [{ to: /POST \/v1\/sessions$/, text: session(told) }];
        await assert.rejects(send(object, group), code("LINK_BROKEN", /not one that a receiver gives/));
        assert.equal(puts, 0);
      });
    }

    test("that is honest is believed, whatever lies before", async () => {
      const { object, group } = await ready();
      const { mirrorVolumeId } = await send(object, group);
      await sites.publish(mirrorVolumeId, group);
      await sites.assertEqual(group);
    });

    for (const [title, to, text] of [
      ["hashes of another extent", /GET .*\/signature/, JSON.stringify({ hashes: "AAAA" })],
      ["hashes without an end", /GET .*\/signature/, JSON.stringify({ hashes: "A".repeat(mib) })],
      ["grains of other blocks", /POST .*\/signature/, JSON.stringify({ hashes: "AAAA" })],
      ["what is no base 64", /POST .*\/signature/, JSON.stringify({ hashes: "?".repeat(172) })],
    ] as const) {
      test(`is not believed with ${title}`, async () => {
        const { object, group } = await ready();
        const { mirrorVolumeId } = await send(object, group);
        await sites.publish(mirrorVolumeId, group);
        await writeTo(sites.source, object, [{ offset: 0, data: randomBytes(blockBytes) }]);
        await sites.snapshot(object, group + 1);
        lies = [{ to, text }];
        await assert.rejects(send(object, group + 1, group, true), code("LINK_BROKEN"));
      });
    }

    for (const [title, digests] of [
      ["of fewer extents", "A".repeat(44)],
      ["of more extents", "A".repeat(44 * 1000)],
      ["without an end", "A".repeat(mib)],
    ] as const) {
      test(`is not believed with digests ${title}`, async () => {
        const { object, group } = await ready();
        const error = { code: "CHECKSUM_MISMATCH", message: "The mirror is another." };
        lies = [
          { to: /complete/, text: JSON.stringify({ error }) },
          { to: /digests/, text: JSON.stringify({ digests }) },
        ];
        await assert.rejects(send(object, group), code("LINK_BROKEN"));
      });
    }
  });

  test("an extent of more blocks than are asked for at once is matched all the same", async () => {
    const blocks = signatureBlocksMax + 10;
    const extentBytes = blocks * blockBytes;
    const { object, group } = await mirrorOf(extentBytes, { extentBytes, stripeCount: 1, stripeBytes: extentBytes });
    await sites.snapshot(object, group);
    const { mirrorVolumeId } = await sites.send(object, group, null);
    await sites.publish(mirrorVolumeId, group);
    const block = Buffer.alloc(blockBytes, 1);
    const every = Array.from({ length: blocks }, (_, index) => ({ offset: index * blockBytes, data: block }));
    await writeTo(sites.source, object, every);
    await sites.snapshot(object, group + 1);
    asked = [];
    await sites.send(object, group + 1, group, { baseLost: true });
    assert.equal(asked.filter((what) => /POST .*\/signature/.test(what)).length, 2);
    await sites.publish(mirrorVolumeId, group + 1);
  });

  test("a volume of as many extents as can be, a few of them written, travels like any other", async () => {
    const { object, group } = await mirrorOf(extentsMax * blockBytes, small);
    await writeTo(sites.source, object, [
      { offset: 0, data: randomBytes(blockBytes) },
      { offset: (extentsMax - 1) * blockBytes, data: randomBytes(blockBytes) },
    ]);
    await sites.snapshot(object, group);
    const { acknowledgedExtents, mirrorVolumeId, progress } = await sites.send(object, group, null);
    assert.deepEqual([acknowledgedExtents, progress.extentsTotal], [2, extentsMax]);
    await sites.publish(mirrorVolumeId, group);
  });
});
