import { randomBytes } from "node:crypto";
import { extentCount } from "../../core/api/object/volume-shape.ts";
import type { SendVolumeRequest } from "../../gateway/tasks/context.ts";
import { paths, type Session, sessionSchema } from "../../gateway/transfer/protocol.ts";
import type { PeerClient } from "../../gateway/tunnel/client.ts";
import { type Attack, type Knowledge, refused } from "./attack.ts";

const largest = Number.MAX_SAFE_INTEGER;
const GiB = 1024 ** 3;
const KiB64 = 64 * 1024;
const patience = () => AbortSignal.timeout(60_000);

const post = (peer: PeerClient, path: string, json: object): Promise<unknown> =>
  peer.request({ method: "POST", path, json, signal: patience() });
const get = (peer: PeerClient, path: string): Promise<unknown> =>
  peer.request({ method: "GET", path, signal: patience() });

/** What it asks a gateway for without having been given a task. */
export const theftsFrom = (peer: PeerClient, { honest }: Knowledge, mySite: string): readonly Attack[] => {
  const geometry = { extentBytes: 256 * 1024 ** 2, stripeCount: 1, stripeBytes: 256 * 1024 ** 2 };
  const open = {
    planId: honest.planId,
    source: honest.source,
    mirrorVolumeId: honest.mirrorVolumeId,
    groupId: honest.groupId,
    sequence: honest.sequence + 1,
    baseGroupId: null,
    sizeBytes: GiB,
    geometry,
  };
  const { mirrorVolumeId } = honest;
  const attempt = (name: string, does: () => Promise<unknown>): Attack => ({
    name: `${name}, at site ${peer.siteId}`,
    carryOut: () => refused(name, does),
  });
  return [
    attempt("a session for another's mirror, in its site's name", () => post(peer, paths.sessions, open)),
    attempt("a session for another's mirror, in its own name", () =>
      post(peer, paths.sessions, { ...open, source: mySite }),
    ),
    attempt("the digests of another's mirror", () => get(peer, paths.digests(mirrorVolumeId, 1))),
    attempt("the hashes of another's mirror", () =>
      get(peer, paths.signature({ mirrorVolumeId, extent: 0, epoch: 1 })),
    ),
    attempt("to complete another's mirror", () => post(peer, paths.complete(mirrorVolumeId, 1), { digest: null })),
    attempt("a path that leads out", () => get(peer, "/v1/sessions/..%2f..%2fetc%2fpasswd/digests?epoch=1")),
    attempt("a body of 10 MiB", () => post(peer, paths.sessions, { ...open, planId: "x".repeat(10 * 1024 ** 2) })),
    attempt("a body that is no request", () => post(peer, paths.sessions, [[[[[[]]]]]])),
  ];
};

/** Pieces of a body that is none. */
async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks;
}

/** What it does with a session that it may have. */
export const abusesOf = (peer: PeerClient, request: SendVolumeRequest): readonly Attack[] => {
  const { shape, owner, mirrorVolumeId, groupId, sequence, baseGroupId } = request;
  const { sizeBytes, geometry } = shape;
  const open = { ...owner, mirrorVolumeId, groupId, sequence, baseGroupId, sizeBytes, geometry };
  const begin = async (): Promise<Session> =>
    sessionSchema(extentCount(geometry, sizeBytes)).parse(await post(peer, paths.sessions, open));
  const upload = async (extent: number, ...body: readonly Uint8Array[]): Promise<unknown> => {
    const { epoch } = await begin();
    const path = paths.extent({ mirrorVolumeId, extent, epoch, from: "base" });
    return peer.upload({ path, body: chunksOf(...body), signal: patience() });
  };
  const frame = (type: number, offset: number, contentBytes: number, stored: Uint8Array): Uint8Array => {
    const header = Buffer.alloc(32);
    for (const [i, word] of [type, offset, contentBytes, stored.length].entries()) header.writeUInt32LE(word, 4 * i);
    return Buffer.concat([header, stored]);
  };
  const opening = (name: string, more: object): Attack => ({
    name,
    carryOut: () => refused(name, () => post(peer, paths.sessions, { ...open, ...more })),
  });
  const attempt = (name: string, does: () => Promise<unknown>): Attack => ({
    name,
    carryOut: () => refused(name, does),
  });
  const many = Array.from({ length: 32_768 }, (_, i) => [i % 2, 32_767]);
  return [
    {
      name: "a session that it was given",
      carryOut: async () => {
        const { epoch } = await begin();
        return `begun with epoch ${epoch > 0 ? "above" : "of"} 0`;
      },
    },
    opening("the largest number of a group", { sequence: largest }),
    opening("a group that it was not given", { groupId: groupId.replace(/\d{9}Z$/, "000000000Z") }),
    opening("2^53−1 bytes", { sizeBytes: largest }),
    opening("2^45 bytes in extents of 64 KiB", {
      sizeBytes: 2 ** 45,
      geometry: { extentBytes: KiB64, stripeCount: 1, stripeBytes: KiB64 },
    }),
    opening("stripes of one byte", { geometry: { extentBytes: KiB64, stripeCount: KiB64, stripeBytes: 1 } }),
    attempt("to complete what was not sent", async () => {
      const { epoch } = await begin();
      return post(peer, paths.complete(mirrorVolumeId, epoch), { digest: "0".repeat(64) });
    }),
    attempt("the hashes of 32,768 ranges that overlap", async () => {
      const { epoch } = await begin();
      return post(peer, paths.signature({ mirrorVolumeId, extent: 0, epoch }), { blocks: many });
    }),
    attempt("an extent that is not there", () => upload(largest, frame(4, 0, 0, randomBytes(32)))),
    attempt("an extent of noise", () => upload(0, randomBytes(512 * 1024), randomBytes(512 * 1024))),
    attempt("a frame of 4 GiB", () => upload(0, frame(1, 0, 0xffff_ffff, randomBytes(4096)))),
    attempt("a frame beyond the extent", () => upload(0, frame(1, 0xffff_0000, KiB64, randomBytes(KiB64)))),
    attempt("an extent without an end", () => upload(0, frame(3, 0, KiB64, new Uint8Array()))),
    {
      name: "a hundred sessions at once",
      carryOut: async () => {
        const all = await Promise.allSettled(Array.from({ length: 100 }, begin));
        const fenced = all.filter(({ status }) => status === "rejected").length;
        return fenced === 100 ? "all refused" : "each took the place of the one before";
      },
    },
    attempt("to go on in an epoch that is over", async () => {
      const { epoch } = await begin();
      await begin();
      return post(peer, paths.complete(mirrorVolumeId, epoch), { digest: null });
    }),
  ];
};
