import type { IncomingMessage, ServerResponse } from "node:http";
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import { extentCount } from "../../core/extent/striping.ts";
import type { Log } from "../log.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { answerJson, parseJson } from "../tunnel/answer.ts";
import type { PeerIdentity } from "../tunnel/identity.ts";
import type { PeerHandler } from "../tunnel/requests.ts";
import { Mirrors } from "./mirrors.ts";
import {
  type ExtentAnswer,
  epochQuerySchema,
  extentQuerySchema,
  type Session,
  type SessionOpen,
  sessionOpenSchema,
} from "./protocol.ts";
import { toRanges } from "./ranges.ts";
import { requestBody } from "./request-body.ts";
import type { TransferWorkers } from "./workers.ts";

const jsonBytesMax = 64 * 1024;

export interface ReceiverOptions {
  readonly storage: StorageDriver;
  readonly workers: Pick<TransferWorkers, "apply">;
  readonly log: Log;
}

/** The target's end of the protocol (protocol.ts). It keeps nothing between requests that the storage does not have. */
export const createReceiver = ({ storage, workers, log }: ReceiverOptions): PeerHandler => {
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
    return { epoch: session.epoch, done: toRanges(session.done), complete: session.complete };
  };

  const putExtent = async (
    request: IncomingMessage,
    response: ServerResponse,
    options: { readonly identity: PeerIdentity; readonly mirrorVolumeId: string } & z.infer<typeof extentQuerySchema>,
  ): Promise<ExtentAnswer> => {
    const { identity, mirrorVolumeId, extent, epoch, base } = options;
    const mirror = await mirrors.ownedBy(identity.siteId, { mirrorVolumeId, epoch });
    if (extent >= extentCount(mirror.geometry, mirror.sizeBytes)) throw badRequest(`there is no extent ${extent}`);
    const stop = new AbortController();
    const onClose = () => {
      // What has come whole is committed all the same: the sender will find it done.
      if (!request.complete) stop.abort(new VisibleError("LINK_BROKEN", "The sender went away."));
    };
    response.once("close", onClose);
    try {
      const { sizeBytes, geometry } = mirror;
      const job = {
        mirrorVolumeId,
        epoch,
        extent,
        from: base === "1" ? "base" : "zeros",
        sizeBytes,
        geometry,
      } as const;
      const { digest } = await workers.apply(job, requestBody(request, stop.signal), stop.signal);
      log.info({ mirror: mirrorVolumeId, from: identity.siteId, epoch, extent }, "an extent was committed");
      return { digest };
    } finally {
      response.off("close", onClose);
      // Whatever of the body was not wanted is no longer waited for.
      stop.abort();
    }
  };

  const complete = async (mirrorVolumeId: string, epoch: number, identity: PeerIdentity): Promise<object> => {
    await mirrors.ownedBy(identity.siteId, { mirrorVolumeId, epoch });
    await storage.completeMirror({ mirrorVolumeId, epoch });
    log.info({ mirror: mirrorVolumeId, from: identity.siteId, epoch }, "a transfer is complete");
    return {};
  };

  const answerTo = async (
    request: IncomingMessage,
    response: ServerResponse,
    identity: PeerIdentity,
  ): Promise<object> => {
    const url = new URL(request.url ?? "/", "http://receiver");
    const [mirrorVolumeId, verb, extent, ...more] = sessionPath(url);
    const query = Object.fromEntries(url.searchParams);
    if (request.method === "GET" && url.pathname === "/v1/health") return { status: "ok" };
    if (request.method === "POST" && url.pathname === "/v1/sessions") {
      return openSession(parsed(sessionOpenSchema, await readJson(request)), identity);
    }
    if (mirrorVolumeId !== undefined && more.length === 0) {
      if (request.method === "PUT" && verb === "extents") {
        const wanted = parsed(extentQuerySchema, { ...query, extent });
        return putExtent(request, response, { identity, mirrorVolumeId, ...wanted });
      }
      if (request.method === "POST" && verb === "complete" && extent === undefined) {
        return complete(mirrorVolumeId, parsed(epochQuerySchema, query["epoch"]), identity);
      }
    }
    throw new VisibleError("NOT_FOUND", "A receiver has nothing there.", {
      hint: "See that both gateways are of the same version.",
    });
  };

  return async (request, response, identity) => answerJson(response, 200, await answerTo(request, response, identity));
};

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
