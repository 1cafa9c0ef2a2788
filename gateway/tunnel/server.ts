import assert from "node:assert";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log.ts";
import { preferredCiphers, type TlsCredentials } from "./certificates.ts";
import { assertPeer, identityOfCertificate, type PeerIdentity } from "./identity.ts";
import { createRequestListener, type PeerHandler } from "./requests.ts";

/** Limits of a tunnel server. A transfer may last hours; a peer may not be silent for long. */
export interface TunnelServerLimits {
  readonly handshakeSeconds: number;
  readonly headersSeconds: number;
  /**
   * A body that brings nothing for so long is given up. A sender that compares much and finds little is silent too; a host
   * that is dead is noticed by its connection.
   */
  readonly silenceSeconds: number;
  /** An idle connection is kept for so long; longer than clients keep theirs, so that none is closed under a request. */
  readonly idleSeconds: number;
  readonly connectionsMax: number;
}

const usualLimits: TunnelServerLimits = {
  handshakeSeconds: 10,
  headersSeconds: 20,
  silenceSeconds: 300,
  idleSeconds: 90,
  connectionsMax: 512,
};

export interface TunnelServerOptions {
  readonly credentials: TlsCredentials;
  /** Only peers of it are let in. */
  readonly multiCluster: SiteId;
  /** Address to bind; the loopback one unless asked otherwise. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly handler: PeerHandler;
  readonly log: Log;
  readonly limits?: Partial<TunnelServerLimits>;
}

export interface TunnelServer {
  readonly port: number;
  /** Takes no more requests, waits for those that are under way, and cuts what is left after `withinSeconds`. */
  stop(withinSeconds: number): Promise<void>;
}

const identityOfSocket = (request: IncomingMessage): PeerIdentity => {
  assert(request.socket instanceof TLSSocket && request.socket.authorized, "the listener lets in verified peers only");
  return identityOfCertificate(request.socket.getPeerCertificate());
};

/**
 * Listens for peer gateways: TLS 1.3 only, with a client certificate of our authority and an identity of our multi-cluster.
 * @throws VisibleError CONFLICT when the port is taken
 */
export const startTunnelServer = async (options: TunnelServerOptions): Promise<TunnelServer> => {
  const limits = { ...usualLimits, ...options.limits };
  const { credentials, log } = options;
  const server = createServer({
    ca: credentials.caPem,
    cert: credentials.certificatePem,
    key: credentials.keyPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ciphers: preferredCiphers,
    handshakeTimeout: limits.handshakeSeconds * 1000,
    headersTimeout: limits.headersSeconds * 1000,
    // A request lasts as long as its extent; silence is what is limited.
    requestTimeout: 0,
    connectionsCheckingInterval: 5_000,
    keepAliveTimeout: limits.idleSeconds * 1000,
    // With libuv's 10 probes a second apart, a dead peer is noticed after 20 s.
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
    noDelay: true,
  });
  server.timeout = limits.silenceSeconds * 1000;
  server.maxConnections = limits.connectionsMax;
  server.on("tlsClientError", (error, socket) => {
    const reason = socket.authorizationError ?? error;
    log.warn({ err: error, reason, from: socket.remoteAddress }, "a peer was refused in the handshake");
  });
  server.on("drop", (data) => log.warn({ from: data?.remoteAddress }, "a connection was dropped: there are too many"));
  server.on(
    "request",
    createRequestListener({
      identify: (request) => {
        const identity = identityOfSocket(request);
        assertPeer(identity, { multiCluster: options.multiCluster });
        return identity;
      },
      handler: options.handler,
      log,
    }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new VisibleError("CONFLICT", `Port ${options.port} could not be listened on.`, {
          hint: "Choose another port, or stop what is using it.",
          cause,
        }),
      ),
    );
    server.listen(options.port, options.host ?? "127.0.0.1", resolve);
  });
  server.on("error", (error) => log.error({ err: error }, "the tunnel's listener failed"));

  return {
    port: (server.address() as AddressInfo).port,
    stop: (withinSeconds) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => {
          log.warn({}, "requests were cut off at the stop");
          server.closeAllConnections();
        }, withinSeconds * 1000);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
      }),
  };
};
