import type { Duplex } from "node:stream";
import type { PeerCertificate } from "node:tls";
import { Pool } from "undici";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import { readAnswer } from "./answer.ts";
import { crlOf, preferredCiphers, type TlsCredentials } from "./certificates.ts";
import { isConnectFault, linkError } from "./faults.ts";
import { GatheredText } from "./gathered-text.ts";
import { assertPeer, identityOfCertificate } from "./identity.ts";
import { Liveness, type LivenessTimeouts } from "./liveness.ts";
import type { Upload, UploadConnection } from "./upload/connection.ts";
import { UploadConnections } from "./upload/connections.ts";
import { upgraded } from "./upload/upgrade.ts";

/** Timeouts of a peer client. None of them limits how long a body may take as long as it moves. */
export interface PeerClientTimeouts extends LivenessTimeouts {
  readonly connectSeconds: number;
  /**
   * The peer takes nothing of a body for so long, not 16 KiB of it. A session of transfers has a
   * pace to keep, and is ended before that.
   */
  readonly stallSeconds: number;
  /** An endpoint that could not be connected comes last for so long. */
  readonly shunSeconds: number;
}

const usualTimeouts: PeerClientTimeouts = {
  connectSeconds: 5,
  stallSeconds: 170,
  silenceSeconds: 20,
  answerSeconds: 300,
  shunSeconds: 10,
};

/**
 * For what is under way on connections that are no longer wanted: a certificate that was revoked is
 * refused within a minute.
 */
const drainMs = 45_000;

/** Of the answer to a request that doesn't say what it may be. */
const answerBytesMax = 64 * 1024;

export interface PeerRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly json?: unknown;
  /** More of an answer is not read. 64 KiB unless given. */
  readonly answerBytesMax?: number;
  readonly signal: AbortSignal;
}

/** The gateways of one other site, whichever of them can be reached. */
export interface PeerClient {
  readonly siteId: SiteId;
  /**
   * Sends a request to one of the endpoints in turn, and to the next when one can't be connected.
   * Gives the answer's JSON.
   * @throws LINK_BROKEN, PEER_REFUSED, the peer's own VisibleError, the signal's reason
   */
  request(request: PeerRequest): Promise<unknown>;
  /**
   * Sends a long body to one of the endpoints, likewise. The answer, or a failure, may come before
   * all of the body was taken. Gives the answer's JSON.
   * @throws as `request`, and what the body throws
   */
  upload(upload: Upload & { readonly signal: AbortSignal }): Promise<unknown>;
  /** Requests from now on go over new connections. Those under way have 45 s on the old ones. */
  reconnect(): void;
  close(): Promise<void>;
}

interface Endpoint {
  readonly name: string;
  /** For messages: `of site b at 192.0.2.7:8443`. */
  readonly peer: string;
  readonly pool: Pool;
  readonly uploads: UploadConnections;
  shunnedUntilMs: number;
}

interface ClientOptions {
  /** The site that is reached. */
  readonly siteId: SiteId;
  /**
   * Why a proxy that ends TLS for us has refused the site's gateways lately, or
   * they it, in its words.
   */
  readonly refusal?: () => string | undefined;
  readonly log: Log;
  readonly timeouts?: Partial<PeerClientTimeouts>;
  /**
   * Connections to each endpoint, 8 unless given: as many as requests that are made at once, or one
   * that waits for its turn looks dead.
   */
  readonly connections?: number;
  /** Hears whenever a peer has taken a piece of a body, or says something while we wait for it. */
  readonly onMoved?: () => void;
}

export interface PeerClientOptions extends ClientOptions {
  /** Those that connections are made with from now on. */
  readonly credentials: () => TlsCredentials;
  readonly multiCluster: SiteId;
  /** `host:port` each. */
  readonly endpoints: readonly string[];
}

/**
 * A client for the gateways of a site, over mutual TLS 1.3. A peer is who its certificate says, not
 * where it is reached: its URI name must be of the wanted site and multi-cluster, and its host name
 * is not looked at.
 * @throws GATEWAY_ABSENT when there are no endpoints
 */
export const createPeerClient = (options: PeerClientOptions): PeerClient => {
  const { siteId } = options;
  const timeouts = { ...usualTimeouts, ...options.timeouts };
  assertSomebody(siteId, options.endpoints);
  return createClient(options, timeouts, (poolOptions) =>
    options.endpoints.map((name) => {
      const connect = tlsOptions(options, timeouts);
      return {
        name,
        peer: `of site ${options.siteId} at ${name}`,
        pool: new Pool(`https://${name}`, { ...poolOptions, connect }),
      };
    }),
  );
};

/**
 * A client for the gateways of a site, through a proxy on this host that knows them, judges their
 * certificates and chooses among them.
 */
export const createProxiedClient = (options: ClientOptions & { readonly socketPath: string }): PeerClient => {
  const { siteId, socketPath } = options;
  const timeouts = { ...usualTimeouts, ...options.timeouts };
  return createClient(options, timeouts, (poolOptions) => {
    const connect = { socketPath, timeout: timeouts.connectSeconds * 1000 };
    return [
      {
        name: `site ${siteId}`,
        peer: `of site ${siteId}`,
        pool: new Pool(`http://${siteId}`, { ...poolOptions, connect }),
      },
    ];
  });
};

/** @throws GATEWAY_ABSENT */
export const assertSomebody = (siteId: SiteId, endpoints: readonly string[]): void => {
  if (endpoints.length > 0) return;
  throw new VisibleError("GATEWAY_ABSENT", `No gateway of site ${siteId} is alive.`, {
    hint: `Start a gateway at ${siteId}, or see why it does not report.`,
  });
};

const createClient = (
  { siteId, log, refusal, connections = 8, onMoved = () => undefined }: ClientOptions,
  timeouts: PeerClientTimeouts,
  openWith: (options: Pool.Options) => readonly Pick<Endpoint, "name" | "peer" | "pool">[],
): PeerClient => {
  const open = (): readonly Endpoint[] =>
    openWith({
      connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      // An exchange has timeouts of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    }).map(({ name, peer, pool }) => {
      const uploads = new UploadConnections((signal) =>
        openUpload(pool, new Liveness(peer, timeouts, onMoved), signal),
      );
      return { name, peer, pool, uploads, shunnedUntilMs: 0 };
    });
  let endpoints = open();
  const known = new Set(endpoints);
  let turn = 0;

  /**
   * All endpoints, beginning with the one whose turn it is; those that could not be connected
   * lately come last.
   */
  const inTurn = (): readonly Endpoint[] => {
    const first = turn++ % endpoints.length;
    const rotated = [...endpoints.slice(first), ...endpoints.slice(0, first)];
    const nowMs = performance.now();
    const shunned = (endpoint: Endpoint) => Number(endpoint.shunnedUntilMs > nowMs);
    return rotated.toSorted((a, b) => shunned(a) - shunned(b));
  };

  /**
   * Does it with one endpoint after the other until one can be connected. What failed otherwise is
   * tried at another one only when it `isOpening`: nothing was asked of anybody then.
   * @throws as `request`
   */
  const withEndpoint = async <T>(
    use: (endpoint: Endpoint) => Promise<T>,
    { signal, isOpening }: { readonly signal: AbortSignal; readonly isOpening: boolean },
  ): Promise<T> => {
    let failure: VisibleError | undefined;
    for (const endpoint of inTurn()) {
      try {
        return await use(endpoint);
      } catch (error) {
        signal.throwIfAborted();
        const fault = linkError(error, endpoint.peer, refusal?.());
        if (!isOpening && !isConnectFault(error) && fault.code !== "PEER_REFUSED") throw fault;
        endpoint.shunnedUntilMs = performance.now() + timeouts.shunSeconds * 1000;
        log.failed({ err: fault, endpoint: endpoint.name, site: siteId }, "an endpoint could not be connected");
        // A broken link may mend by itself, so of several reasons it is the one to tell.
        if (failure === undefined || fault.code === "LINK_BROKEN") failure = fault;
      }
    }
    throw failure;
  };

  const upload = async ({ signal, ...wanted }: Upload & { readonly signal: AbortSignal }): Promise<unknown> => {
    const { endpoint, connection } = await withEndpoint(
      async (taken) => ({ endpoint: taken, connection: await taken.uploads.take(signal) }),
      { signal, isOpening: true },
    );
    try {
      const alive = new Liveness(endpoint.peer, timeouts, onMoved);
      const status = { alive, timeouts };
      return readAnswer(200, await sendOver(connection, endpoint.peer, { ...wanted, signal }, status), siteId);
    } finally {
      endpoint.uploads.give(connection);
    }
  };

  return {
    siteId,
    request: async (wanted) => {
      const { signal } = wanted;
      const ask = (endpoint: Endpoint) => exchange(endpoint, wanted, new Liveness(endpoint.peer, timeouts, onMoved));
      const { status, text } = await withEndpoint(ask, { signal, isOpening: false });
      return readAnswer(status, text, siteId);
    },
    upload,
    reconnect: () => {
      for (const endpoint of endpoints) void endSoon(endpoint).then(() => known.delete(endpoint));
      endpoints = open();
      for (const endpoint of endpoints) known.add(endpoint);
    },
    close: async () => {
      for (const { uploads } of known) uploads.destroy();
      await Promise.all([...known].map(({ pool }) => pool.destroy()));
    },
  };
};

/** Lets what is under way end, and cuts what is left after a while. */
const endSoon = async ({ pool, uploads }: Endpoint): Promise<void> => {
  const cut = setTimeout(() => void pool.destroy(), drainMs);
  try {
    await Promise.all([pool.close(), uploads.retire(drainMs)]);
  } catch {
    // It was destroyed: nothing is left to end.
  } finally {
    clearTimeout(cut);
  }
};

const tlsOptions = (options: PeerClientOptions, timeouts: PeerClientTimeouts) => ({
  timeout: timeouts.connectSeconds * 1000,
  ...shown(options.credentials()),
  minVersion: "TLSv1.3" as const,
  maxVersion: "TLSv1.3" as const,
  ciphers: preferredCiphers,
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
  // A resumed session would not ask who the server is.
  maxCachedSessions: 0,
  checkServerIdentity: (_host: string, certificate: PeerCertificate) => judge(certificate, options),
});

const shown = (credentials: TlsCredentials) => ({
  ca: credentials.caPem,
  cert: credentials.certificatePem,
  key: credentials.keyPem,
  crl: crlOf(credentials),
});

const judge = (certificate: PeerCertificate, wanted: PeerClientOptions): Error | undefined => {
  try {
    assertPeer(identityOfCertificate(certificate), wanted);
    return undefined;
  } catch (error) {
    return error as Error;
  }
};

const exchange = async (
  endpoint: Pick<Endpoint, "pool">,
  { method, path, json, answerBytesMax: bytesMax = answerBytesMax, signal }: PeerRequest,
  alive: Liveness,
): Promise<{ readonly status: number; readonly text: string }> => {
  alive.sent();
  try {
    const { statusCode, body } = await endpoint.pool.request({
      method,
      path,
      signal: AbortSignal.any([signal, alive.signal]),
      ...(json !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(json) }),
    });
    alive.heard();
    const text = new GatheredText(bytesMax);
    for await (const piece of body as AsyncIterable<Buffer>) {
      alive.heard();
      if (!text.put(piece)) throw tooLong(bytesMax);
    }
    return { status: statusCode, text: text.toString() };
  } finally {
    alive.ended();
  }
};

const tooLong = (bytesMax: number): VisibleError =>
  new VisibleError("LINK_BROKEN", `The peer gateway's answer is longer than ${bytesMax} bytes.`, {
    hint: "See that both gateways are of the same version.",
  });

/**
 * A connection for uploads, which is none of the pool's any more. @throws what the peer answers in
 * its place
 */
const openUpload = async (pool: Pool, alive: Liveness, wanted: AbortSignal): Promise<Duplex> => {
  alive.begun();
  try {
    return await upgraded(pool, AbortSignal.any([wanted, alive.signal]));
  } finally {
    alive.ended();
  }
};

/** @returns the answer's text @throws LINK_BROKEN, what the body throws, the signal's reason */
const sendOver = async (
  connection: UploadConnection,
  peer: string,
  { signal, ...upload }: Upload & { readonly signal: AbortSignal },
  { alive, timeouts }: { readonly alive: Liveness; readonly timeouts: PeerClientTimeouts },
): Promise<string> => {
  const cut = AbortSignal.any([signal, alive.signal]);
  cut.throwIfAborted();
  const onCut = () => connection.destroy();
  cut.addEventListener("abort", onCut, { once: true });
  try {
    return await connection.send(upload, alive, timeouts);
  } catch (error) {
    cut.throwIfAborted();
    throw linkError(error, peer);
  } finally {
    cut.removeEventListener("abort", onCut);
    alive.ended();
  }
};
