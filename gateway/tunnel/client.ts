import type { PeerCertificate } from "node:tls";
import { type Dispatcher, Pool } from "undici";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log.ts";
import { readAnswer } from "./answer.ts";
import { preferredCiphers, type TlsCredentials } from "./certificates.ts";
import { isConnectFault, linkError } from "./faults.ts";
import { assertPeer, identityOfCertificate } from "./identity.ts";
import { Liveness, type LivenessLimits } from "./liveness.ts";
import { watched } from "./watched.ts";

/** Limits of a peer client. None of them limits how long a body may take as long as it moves. */
export interface PeerClientLimits extends LivenessLimits {
  readonly connectSeconds: number;
  /** The peer takes no byte of a body for so long: the link is dead. */
  readonly stallSeconds: number;
  /** Connections to each endpoint: as many as requests that are made at once, or one that waits for its turn looks dead. */
  readonly connections: number;
  /** An endpoint that could not be connected comes last for so long. */
  readonly shunSeconds: number;
}

const usualLimits: PeerClientLimits = {
  connectSeconds: 5,
  stallSeconds: 30,
  silenceSeconds: 20,
  answerSeconds: 300,
  connections: 8,
  shunSeconds: 10,
};

/** For what is under way on connections that are no longer wanted: a certificate that was revoked is refused within a minute. */
const drainMs = 45_000;

/** `done` ranges of a very fragmented session are the longest answer there is. */
const answerBytesMax = 16 * 1024 * 1024;

export interface PeerRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly json?: unknown;
  /** Binary content; called again for another endpoint, but only when none of it was taken before. */
  readonly body?: () => AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** The gateways of one other site, whichever of them can be reached. */
export interface PeerClient {
  readonly siteId: SiteId;
  /**
   * Sends a request to one of the endpoints in turn, and to the next when one can't be connected. Gives the answer's JSON.
   * @throws LINK_BROKEN, PEER_REFUSED, the peer's own VisibleError, the signal's reason
   */
  request(request: PeerRequest): Promise<unknown>;
  /** Requests from now on go over new connections. Those under way have 45 s on the old ones. */
  reconnect(): void;
  close(): Promise<void>;
}

interface Endpoint {
  readonly name: string;
  readonly pool: Pool;
  shunnedUntilMs: number;
}

interface ClientOptions {
  /** The site that is reached. */
  readonly siteId: SiteId;
  readonly log: Log;
  readonly limits?: Partial<PeerClientLimits>;
}

export interface PeerClientOptions extends ClientOptions {
  /** Those that connections are made with from now on. */
  readonly credentials: () => TlsCredentials;
  readonly multiCluster: SiteId;
  /** `host:port` each. */
  readonly endpoints: readonly string[];
}

/**
 * A client for the gateways of a site, over mutual TLS 1.3. A peer is who its certificate says, not where it is
 * reached: its URI name must be of the wanted site and multi-cluster, and its host name is not looked at.
 * @throws GATEWAY_ABSENT when there are no endpoints
 */
export const createPeerClient = (options: PeerClientOptions): PeerClient => {
  const { siteId } = options;
  const limits = { ...usualLimits, ...options.limits };
  assertSomebody(siteId, options.endpoints);
  return createClient(options, limits, (poolOptions) =>
    options.endpoints.map((name): Endpoint => {
      const pool = new Pool(`https://${name}`, { ...poolOptions, connect: tlsOptions(options, limits) });
      return { name, pool, shunnedUntilMs: 0 };
    }),
  );
};

/**
 * A client for the gateways of a site, through a proxy on this host that knows them, judges their certificates and chooses
 * among them.
 */
export const createProxiedClient = (options: ClientOptions & { readonly socketPath: string }): PeerClient => {
  const { siteId, socketPath } = options;
  const limits = { ...usualLimits, ...options.limits };
  return createClient(options, limits, (poolOptions) => {
    const connect = { socketPath, timeout: limits.connectSeconds * 1000 };
    const pool = new Pool(`http://${siteId}`, { ...poolOptions, connect });
    return [{ name: `site ${siteId}`, pool, shunnedUntilMs: 0 }];
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
  { siteId, log }: ClientOptions,
  limits: PeerClientLimits,
  openWith: (options: Pool.Options) => readonly Endpoint[],
): PeerClient => {
  const open = () =>
    openWith({
      connections: limits.connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      // A sender that compares much may begin late; from its first byte on the exchange has limits of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: answerBytesMax,
      allowH2: false,
    });
  let endpoints = open();
  const pools = new Set(endpoints.map(({ pool }) => pool));
  let turn = 0;

  /** All endpoints, beginning with the one whose turn it is; those that could not be connected lately come last. */
  const inTurn = (): readonly Endpoint[] => {
    const first = turn++ % endpoints.length;
    const rotated = [...endpoints.slice(first), ...endpoints.slice(0, first)];
    const nowMs = performance.now();
    const shunned = (endpoint: Endpoint) => Number(endpoint.shunnedUntilMs > nowMs);
    return rotated.toSorted((a, b) => shunned(a) - shunned(b));
  };

  const request = async (wanted: PeerRequest): Promise<unknown> => {
    let failure: VisibleError | undefined;
    for (const endpoint of inTurn()) {
      let begun = false;
      const onBody = () => {
        begun = true;
      };
      const answer = await exchange(endpoint, wanted, limits, onBody).catch((error: unknown) => {
        wanted.signal.throwIfAborted();
        const fault = linkError(error, endpoint.name);
        if (begun || (!isConnectFault(error) && fault.code !== "PEER_REFUSED")) throw fault;
        endpoint.shunnedUntilMs = performance.now() + limits.shunSeconds * 1000;
        log.warn({ err: fault, endpoint: endpoint.name, site: siteId }, "an endpoint could not be connected");
        // A broken link may mend by itself, so of several reasons it is the one to tell.
        if (failure === undefined || fault.code === "LINK_BROKEN") failure = fault;
        return undefined;
      });
      if (answer !== undefined) return readAnswer(answer.status, answer.text);
    }
    throw failure;
  };

  return {
    siteId,
    request,
    reconnect: () => {
      for (const { pool } of endpoints) void endSoon(pool).then(() => pools.delete(pool));
      endpoints = open();
      for (const { pool } of endpoints) pools.add(pool);
    },
    close: async () => {
      await Promise.all([...pools].map((pool) => pool.destroy()));
    },
  };
};

/** Lets the requests that are under way end, and cuts what is left after a while. */
const endSoon = async (pool: Pool): Promise<void> => {
  const cut = setTimeout(() => void pool.destroy(), drainMs);
  try {
    await pool.close();
  } catch {
    // It was destroyed: nothing is left to end.
  } finally {
    clearTimeout(cut);
  }
};

const tlsOptions = (options: PeerClientOptions, limits: PeerClientLimits) => ({
  timeout: limits.connectSeconds * 1000,
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

const shown = ({ caPem, certificatePem, keyPem, revocations }: TlsCredentials) => ({
  ca: caPem,
  cert: certificatePem,
  key: keyPem,
  ...(revocations !== undefined && { crl: revocations.pem }),
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
  endpoint: Endpoint,
  wanted: PeerRequest,
  limits: PeerClientLimits,
  onBegun: () => void,
): Promise<{ readonly status: number; readonly text: string }> => {
  const alive = new Liveness(endpoint.name, limits);
  try {
    const { statusCode, body } = await endpoint.pool.request({
      method: wanted.method,
      path: wanted.path,
      signal: AbortSignal.any([wanted.signal, alive.signal]),
      ...contentOf(wanted, limits, alive, onBegun),
    });
    alive.heard();
    let text = "";
    for await (const piece of body.setEncoding("utf8")) {
      alive.heard();
      text += piece;
    }
    return { status: statusCode, text };
  } finally {
    alive.ended();
  }
};

const contentOf = (
  { json, body }: PeerRequest,
  limits: PeerClientLimits,
  alive: Liveness,
  onBegun: () => void,
): Pick<Dispatcher.RequestOptions, "headers" | "body"> => {
  if (body === undefined) {
    alive.sent();
    return json === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(json) };
  }
  const { stallSeconds } = limits;
  const chunks = watched(body(), {
    onBegun,
    onTaken: () => alive.begun(),
    onSent: () => alive.sent(),
    onStall: () => alive.giveUp(`took nothing for ${stallSeconds} s`),
    stallMs: stallSeconds * 1000,
  });
  return {
    headers: { "content-type": "application/octet-stream" },
    // undici takes any async iterable, and its types know streams only.
    body: chunks as unknown as NonNullable<Dispatcher.RequestOptions["body"]>,
  };
};
