import type { IncomingMessage, ServerResponse } from "node:http";
import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import { jsonIn } from "../../core/api/json.ts";
import { extentCount } from "../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import type { Log } from "../log/log.ts";
import { FairGate } from "../shares/fair-gate.ts";
import type { OwnedVolume } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { withTimeouts } from "../storage/with-timeouts.ts";
import type { Watch } from "../time/standstill.ts";
import { systemTime, type Time } from "../time/time.ts";
import { answerJson } from "../tunnel/answer.ts";
import { GatheredText } from "../tunnel/gathered-text.ts";
import type { PeerHandlers } from "../tunnel/serve-peers.ts";
import type { IncomingUpload } from "../tunnel/upload/server.ts";
import { joinDigests, volumeDigest } from "./digest.ts";
import { mirrorFor, mirrorInSession } from "./mirrors.ts";
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
import { fromRanges, type NumberRange, toRanges } from "./ranges.ts";
import type { ForSite, TransferWorkers } from "./workers.ts";

const jsonBytesMax = 64 * 1024;
/**
 * Answers are in memory until the peer has read them. So many at once are made or wait for that,
 * of 4 MB at the most; and of digests so many, which of 64 TiB are 11 MB.
 */
const answersAtOnce = 24;
const digestsAtOnce = 4;
const answerWaitMs = 15_000;

export interface ReceiverOptions {
  readonly storage: StorageDriver;
  readonly workers: Pick<TransferWorkers, "apply" | "signature">;
  readonly time?: Time;
  readonly log: Log;
}

/** What is done for one request of a site. Its calls to the storage tell that it moves. */
interface Work extends ForSite<Watch> {
  readonly storage: StorageDriver;
  readonly identity: PeerIdentity;
}

/** A mirror volume that the peer is to write, and the epoch in which it says to do so. */
interface SessionTarget {
  readonly mirrorVolumeId: string;
  readonly epoch: number;
  readonly mirror: OwnedVolume;
}

/**
 * The target's end of the protocol (protocol.ts). It keeps nothing between requests that the
 * storage does not have.
 */
export const createReceiver = ({ workers, log, time = systemTime, ...options }: ReceiverOptions): PeerHandlers => {
  const answersGate = new FairGate(answersAtOnce);
  const digestsGate = new FairGate(digestsAtOnce);
  let isToldOfKeeping = false;
  /** Takes a place in the gate until the answer is read. @throws TIMEOUT */
  const holdUntilRead = async (gate: FairGate, response: ServerResponse, { site, signal }: Work): Promise<void> => {
    const leave = await gate.enter({ site, waitMs: answerWaitMs, time, signal });
    if (leave === undefined) throw unread();
    if (response.closed) leave();
    else response.once("close", leave);
  };
  const workOf = ({ signal, onMoved }: Watch, identity: PeerIdentity): Work => ({
    signal,
    onMoved,
    site: identity.siteId,
    storage: withTimeouts(options.storage, { time, signal, onMoved }),
    identity,
  });

  const openSession = async (open: SessionOpen, { storage, identity }: Work): Promise<Session> => {
    const { planId, source, ...wanted } = open;
    const sender = identity.siteId;
    await mirrorFor(sender, open.mirrorVolumeId, storage);
    const session = await storage.openMirror({ ...wanted, owner: { planId, source }, sender });
    const { groupId, sequence, baseGroupId } = open;
    log.info(
      { mirror: open.mirrorVolumeId, from: sender, groupId, sequence, baseGroupId, epoch: session.epoch },
      "a transfer began",
    );
    const { epoch, done, damaged, begun, complete } = session;
    return { epoch, done: toRanges(done), damaged: toRanges(damaged), begun: toRanges(begun), complete };
  };

  const putExtent = async (
    { body }: Pick<IncomingUpload, "body">,
    { mirrorVolumeId, mirror, extent, epoch, base }: SessionTarget & z.infer<typeof extentQuerySchema>,
    work: Work,
  ): Promise<ExtentAnswer> => {
    if (extent >= extentCount(mirror.geometry, mirror.sizeBytes)) throw badRequest(`there is no extent ${extent}`);
    const { sizeBytes, geometry } = mirror;
    const from = base === "1" ? "base" : "zeros";
    const job = { mirrorVolumeId, epoch, extent, from, sizeBytes, geometry } as const;
    const { digest, warning } = await workers.apply(job, body, work);
    if (warning !== undefined && !isToldOfKeeping) {
      isToldOfKeeping = true;
      log.warn({ mirror: mirrorVolumeId, why: warning }, noHashes);
    }
    log.info({ mirror: mirrorVolumeId, from: work.identity.siteId, epoch, extent }, "an extent was committed");
    return { digest };
  };

  const signatureOf = async (
    { mirrorVolumeId, mirror, epoch }: SessionTarget,
    { extent, ranges }: { readonly extent: number; readonly ranges?: readonly NumberRange[] },
    work: Work,
  ): Promise<object> => {
    if (extent >= extentCount(mirror.geometry, mirror.sizeBytes)) throw badRequest(`there is no extent ${extent}`);
    const blocks = ranges && [...fromRanges(ranges)];
    return { hashes: toBase64(await workers.signature({ mirrorVolumeId, extent, epoch, blocks }, work)) };
  };

  const digestsOf = async (target: SessionTarget, { storage }: Work): Promise<Uint8Array | undefined> => {
    const digests = await storage.mirrorDigests(target);
    return digests && joinDigests(digests);
  };

  const tellDigests = async (target: SessionTarget, response: ServerResponse, work: Work): Promise<object> => {
    await holdUntilRead(digestsGate, response, work);
    const digests = await digestsOf(target, work);
    return { digests: digests === undefined ? null : toBase64(digests) };
  };

  const complete = async (target: SessionTarget, wanted: string | null, work: Work): Promise<object> => {
    const { mirrorVolumeId, epoch } = target;
    const { storage, identity } = work;
    const digests = await digestsOf(target, work);
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
  const sessionOf = async (url: URL, { storage, identity }: Work) => {
    const [mirrorVolumeId, verb, extent, part, ...more] = sessionPath(url);
    if (mirrorVolumeId === undefined || more.length > 0) throw nothingThere();
    const query: Record<string, string | undefined> = { ...Object.fromEntries(url.searchParams), extent };
    const epoch = parsed(epochQuerySchema, query["epoch"]);
    const mirror = await mirrorInSession(identity.siteId, mirrorVolumeId, storage);
    const target: SessionTarget = { mirrorVolumeId, epoch, mirror };
    return { target, query, what: `${verb}${extent === undefined ? "" : "/#"}${part === undefined ? "" : `/${part}`}` };
  };

  const answerTo = async (request: IncomingMessage, response: ServerResponse, work: Work): Promise<object> => {
    const url = urlOf(request.url ?? "/");
    if (request.method === "GET" && url.pathname === paths.health) return { status: "ok" };
    await holdUntilRead(answersGate, response, work);
    if (request.method === "POST" && url.pathname === paths.sessions) {
      return openSession(parsed(sessionOpenSchema, await readJson(request)), work);
    }
    const { target, query, what } = await sessionOf(url, work);
    switch (`${request.method} ${what}`) {
      case "GET extents/#/signature":
        return signatureOf(target, { extent: parsed(signatureQuerySchema, query).extent }, work);
      case "POST extents/#/signature": {
        const blockCount = target.mirror.geometry.extentBytes / blockBytes;
        const { blocks } = parsed(signatureBodySchema(blockCount), await readJson(request));
        return signatureOf(target, { extent: parsed(signatureQuerySchema, query).extent, ranges: blocks }, work);
      }
      case "GET digests":
        return tellDigests(target, response, work);
      case "POST complete":
        return complete(target, parsed(completeBodySchema, await readJson(request)).digest, work);
      default:
        throw nothingThere();
    }
  };

  return {
    handler: async (request, response, identity, watch) =>
      answerJson(response, 200, await answerTo(request, response, workOf(watch, identity))),
    uploads: async (upload, identity) => {
      const work = workOf(upload, identity);
      const { target, query, what } = await sessionOf(urlOf(upload.path), work);
      if (what !== "extents/#") throw nothingThere();
      return putExtent(upload, { ...target, ...parsed(extentQuerySchema, query) }, work);
    },
  };
};

const noHashes =
  "hashes of what was written can't be kept: later runs read more of the mirrors; see storage.hashesDir in gateway.yaml";

/** @throws BAD_REQUEST */
const urlOf = (path: string): URL => {
  const url = URL.parse(path, "http://receiver");
  if (url === null) throw badRequest("its path is no path");
  return url;
};

const unread = (): VisibleError =>
  new VisibleError("TIMEOUT", `Earlier answers were not read for ${answerWaitMs / 1000} s.`, {
    hint: "It will be tried again. If it goes on, see whether the link is overloaded.",
  });

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
  const text = new GatheredText(jsonBytesMax);
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!text.put(chunk)) throw badRequest(`its body is longer than ${jsonBytesMax} bytes`);
  }
  return jsonIn(text.toString());
};
