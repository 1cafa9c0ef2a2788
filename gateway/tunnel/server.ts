import assert from "node:assert";
import { constants } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import type { Time } from "../time/time.ts";
import { createAdmission } from "./admission.ts";
import { crlOf, preferredCiphers, type TlsCredentials } from "./certificates.ts";
import { assertPeer, identityOfX509 } from "./identity.ts";
import {
  type ConnectionBounds,
  httpOptionsOf,
  startListening,
  type TunnelServerTimeouts,
  usualBounds,
  usualServerTimeouts,
} from "./listening.ts";
import { boundConnections } from "./port.ts";
import type { RefusedPeers } from "./refused.ts";
import { type Peer, RevokedPeers } from "./revoked.ts";
import { type PeerHandlers, servePeers } from "./serve-peers.ts";

export interface TunnelServerOptions extends PeerHandlers {
  readonly credentials: TlsCredentials;
  /** Only peers of it are let in. */
  readonly multiCluster: SiteId;
  /** Address to bind; the loopback one unless asked otherwise. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly refused: RefusedPeers;
  readonly log: Log;
  readonly timeouts?: Partial<TunnelServerTimeouts>;
  readonly bounds?: ConnectionBounds;
  /** For how long work may stand still. */
  readonly time?: Time;
}

export interface TunnelServer {
  readonly port: number;
  /**
   * Connections from now on see and are judged by these; those that are there live on, unless they
   * are of a revoked peer.
   */
  renew(credentials: TlsCredentials): void;
  /**
   * Takes no more requests, waits for those that are under way, and cuts what is left after
   * `withinSeconds`.
   */
  stop(withinSeconds: number): Promise<void>;
}

const secureContextOf = (credentials: TlsCredentials) => ({
  ca: credentials.caPem,
  cert: credentials.certificatePem,
  key: credentials.keyPem,
  crl: crlOf(credentials),
  minVersion: "TLSv1.3" as const,
  maxVersion: "TLSv1.3" as const,
  ciphers: preferredCiphers,
  // Nobody resumes, and sealing tickets to do so takes a quarter of what ends a handshake.
  secureOptions: constants.SSL_OP_NO_TICKET,
});

const peerOfSocket = (request: IncomingMessage): Peer => {
  assert(request.socket instanceof TLSSocket && request.socket.authorized, "the listener lets in verified peers only");
  const certificate = request.socket.getPeerX509Certificate();
  assert(certificate !== undefined, "a verified peer has a certificate");
  return { identity: identityOfX509(certificate), serial: certificate.serialNumber };
};

/**
 * Listens for peer gateways: TLS 1.3 only, with a client certificate of our authority and an
 * identity of our multi-cluster.
 * @throws VisibleError CONFLICT when the port is taken
 */
export const startTunnelServer = async (options: TunnelServerOptions): Promise<TunnelServer> => {
  const timeouts = { ...usualServerTimeouts, ...options.timeouts };
  const { credentials, bounds = usualBounds, refused, log } = options;
  const server = createServer({
    ...secureContextOf(credentials),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: timeouts.handshakeSeconds * 1000,
    ...httpOptionsOf(timeouts),
    // With libuv's 10 probes a second apart, a dead peer is noticed after 20 s.
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
    noDelay: true,
  });
  const revoked = new RevokedPeers(credentials.revocations, log);
  boundConnections(server, { ...options, bounds });
  const identify = (request: IncomingMessage): Peer => {
    const peer = peerOfSocket(request);
    assertPeer(peer.identity, { multiCluster: options.multiCluster });
    return peer;
  };
  const peers = servePeers(server, {
    ...options,
    ...createAdmission({ identify, revoked, refused }),
    timeouts,
  });
  await startListening(server, {
    where: `Port ${options.port}`,
    listen: (listening) => server.listen(options.port, options.host ?? "127.0.0.1", listening),
    timeouts,
    bounds,
    log,
  });
  return {
    port: (server.address() as AddressInfo).port,
    renew: (renewed) => {
      server.setSecureContext(secureContextOf(renewed));
      revoked.update(renewed.revocations);
    },
    stop: peers.stop,
  };
};
