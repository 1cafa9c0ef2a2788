import type { IncomingMessage } from "node:http";
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { extentCount } from "../../core/extent/striping.ts";
import type { Log } from "../log.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { answerJson, parseJson } from "../tunnel/answer.ts";
import type { PeerHandlers } from "../tunnel/serve-peers.ts";
import type { IncomingUpload } from "../tunnel/upload/server.ts";
import { joinDigests, volumeDigest } from "./digest.ts";
import { type Mirror, Mirrors } from "./mirrors.ts";
import {
  completeBodySchema,
  type ExtentAnswer,
  epochQuerySchema,
  extentQuerySchema,
  paths,
  type Session,
  type SessionOpen,
  sessionOpenSchema,
  signatureBodySchema,
  signatureQuerySchema,
  toBase64,
} from "./protocol.ts";
import { fromRanges, toRanges } from "./ranges.ts";
import type { TransferWorkers } from "./workers.ts";

const jsonBytesMax = 64 * 1024;
/** Reading an extent and hashing it takes a second or so. */
const signatureSeconds = 60;

export interface ReceiverOptions {
  readonly storage: StorageDriver;
  readonly workers: Pick<TransferWorkers, "apply" | "signature">;
  readonly log: Log;
}

/** A mirror volume that the peer may write, and the epoch in which it says to do so. */
interface SessionTarget {
  readonly mirrorVolumeId: string;
  readonly epoch: number;
  readonly mirror: Mirror;
}

/** The target's end of the protocol (protocol.ts). It keeps nothing between requests that the storage does not have. */
export const createReceiver = ({ storage, workers, log }: ReceiverOptions): PeerHandlers => {
  const mirrors = new Mirrors(storage);

  const openSession = async (open: SessionOpen, identity: PeerIdentity): Promise<Session> => {
    if (identity.siteId !== open.source) {
      throw new VisibleError("PEER_REFUSED", `A gateway of ${identity.siteId} can't send for site ${open.source}.`, {
        hint: "See that the gateway has the certificate of its own site.",
      });
    }
    const { planId, source, geometry, ...wanted } = open;
    const session = await storage.openMirror({ ...wanted, owner: { planId, source } });
    const mirror = await mirrors.ownedBy(source, { ...wanted, epoch: session.epoch });
    if (!isDeepStrictEqual(mirror.geometry, geometry) || mirror.sizeBytes < open.sizeBytes) {
      throw new VisibleError("BAD_REQUEST", `The mirror ${open.mirrorVolumeId} has another shape than its source.`, {
        hint: "Prepare the mirror again.",
      });
    }
    const { groupId, sequence, baseGroupId } = open;
    log.info(
      { mirror: open.mirrorVolumeId, from: identity.siteId, groupId, sequence, baseGroupId, epoch: session.epoch },
      "a transfer began",
    );
    const { epoch, done, damaged, complete } = session;
    return { epoch, done: toRanges(done), damaged: toRanges(damaged), complete };
  };

  const putExtent = async (
    { body, signal }: IncomingUpload,
    options: SessionTarget & { readonly identity: PeerIdentity } & z.infer<typeof extentQuerySchema>,
  ): Promise<ExtentAnswer> => {
    const { identity, mirrorVolumeId, mirror, extent, epoch, base } = options;
    if (extent >= extentCount(mirror.geometry, mirror.sizeBytes)) throw badRequest(`there is no extent ${extent}`);
    const { sizeBytes, geometry } = mirror;
    const from = base === "1" ? "base" : "zeros";
    const { digest } = await workers.apply({ mirrorVolumeId, epoch, extent, from, sizeBytes, geometry }, body, signal);
    log.info({ mirror: mirrorVolumeId, from: identity.siteId, epoch, extent }, "an extent was committed");
    return { digest };
  };

  const signatureOf = async (
    { mirrorVolumeId, mirror, epoch }: SessionTarget,
    extent: number,
    ranges: readonly (readonly [number, number])[] | undefined,
  ): Promise<object> => {
    if (extent >= extentCount(mirror.geometry, mirror.sizeBytes)) throw badRequest(`there is no extent ${extent}`);
    const blockCount = mirror.geometry.extentBytes / blockBytes;
    const blocks = ranges && [...fromRanges(ranges, blockCount)].toSorted((a, b) => a - b);
    const signal = AbortSignal.timeout(signatureSeconds * 1000);
    return { hashes: toBase64(await workers.signature({ mirrorVolumeId, extent, epoch, blocks }, signal)) };
  };

  const digestsOf = async (target: SessionTarget): Promise<Uint8Array | undefined> => {
    const digests = await storage.mirrorDigests(target);
    return digests && joinDigests(digests);
  };

  const complete = async (target: SessionTarget, identity: PeerIdentity, wanted: string | null): Promise<object> => {
    const { mirrorVolumeId, epoch } = target;
    const digests = await digestsOf(target);
    if (wanted !== null && digests !== undefined && volumeDigest(digests) !== wanted) {
      throw new VisibleError("CHECKSUM_MISMATCH", `The mirror ${mirrorVolumeId} is not what the source has.`, {
        hint: "The extents that differ will be sent again in full.",
      });
    }
    await storage.completeMirror({ mirrorVolumeId, epoch });
    log.info({ mirror: mirrorVolumeId, from: identity.siteId, epoch, digest: wanted }, "a transfer is complete");
    return {};
  };

  /** What a path of a session is about. */
  const sessionOf = async (url: URL, identity: PeerIdentity) => {
    const [mirrorVolumeId, verb, extent, part, ...more] = sessionPath(url);
    if (mirrorVolumeId === undefined || more.length > 0) throw nothingThere();
    const query: Record<string, string | undefined> = { ...Object.fromEntries(url.searchParams), extent };
    const epoch = parsed(epochQuerySchema, query["epoch"]);
    const mirror = await mirrors.ownedBy(identity.siteId, { mirrorVolumeId, epoch });
    const target: SessionTarget = { mirrorVolumeId, epoch, mirror };
    return { target, query, what: `${verb}${extent === undefined ? "" : "/#"}${part === undefined ? "" : `/${part}`}` };
  };

  const answerTo = async (request: IncomingMessage, identity: PeerIdentity): Promise<object> => {
    const url = urlOf(request.url ?? "/");
    if (request.method === "GET" && url.pathname === paths.health) return { status: "ok" };
    if (request.method === "POST" && url.pathname === paths.sessions) {
      return openSession(parsed(sessionOpenSchema, await readJson(request)), identity);
    }
    const { target, query, what } = await sessionOf(url, identity);
    switch (`${request.method} ${what}`) {
      case "GET extents/#/signature":
        return signatureOf(target, parsed(signatureQuerySchema, query).extent, undefined);
      case "POST extents/#/signature": {
        const { blocks } = parsed(signatureBodySchema, await readJson(request));
        return signatureOf(target, parsed(signatureQuerySchema, query).extent, blocks);
      }
      case "GET digests": {
        const digests = await digestsOf(target);
        return { digests: digests === undefined ? null : toBase64(digests) };
      }
      case "POST complete":
        return complete(target, identity, parsed(completeBodySchema, await readJson(request)).digest);
      default:
        throw nothingThere();
    }
  };

  return {
    handler: async (request, response, identity) => answerJson(response, 200, await answerTo(request, identity)),
    uploads: async (upload, identity) => {
      const { target, query, what } = await sessionOf(urlOf(upload.path), identity);
      if (what !== "extents/#") throw nothingThere();
      return putExtent(upload, { identity, ...target, ...parsed(extentQuerySchema, query) });
    },
  };
};

/** @throws BAD_REQUEST */
const urlOf = (path: string): URL => {
  const url = URL.parse(path, "http://receiver");
  if (url === null) throw badRequest("its path is no path");
  return url;
};

const nothingThere = (): VisibleError =>
  new VisibleError("NOT_FOUND", "A receiver has nothing there.", {
    hint: "See that both gateways are of the same version.",
  });

/** What follows `/v1/sessions/` in the path. */
const sessionPath = (url: URL): readonly string[] => {
  const rest = /^\/v1\/sessions\/(.+)$/.exec(url.pathname)?.[1];
  try {
    return rest?.split("/").map(decodeURIComponent) ?? [];
  } catch {
    throw badRequest("its path is no path");
  }
};

const badRequest = (what: string): VisibleError =>
  new VisibleError("BAD_REQUEST", `The request makes no sense: ${what}.`, {
    hint: "See that both gateways are of the same version.",
  });

const parsed = <Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw badRequest(result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
};

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > jsonBytesMax) throw badRequest(`its body is longer than ${jsonBytesMax} bytes`);
    chunks.push(chunk);
  }
  return parseJson(Buffer.concat(chunks).toString());
};
