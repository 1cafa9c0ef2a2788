import type { GatewayId, SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import { assertValidNow, type TlsCredentials } from "./certificates.ts";
import { createPeerClient, type PeerClient, type PeerClientTimeouts } from "./client.ts";
import { OpenClients } from "./open-clients.ts";
import type { RefusedPeers } from "./refused.ts";
import type { PeerHandlers } from "./serve-peers.ts";
import { startTunnelServer } from "./server.ts";

/** Both ends of the links between this gateway and those of other sites. */
export interface Tunnel {
  /** What ends TLS: the gateway itself, or an Envoy beside it. */
  readonly kind: "direct-tls" | "envoy";
  /** Where other sites reach this one. */
  readonly port: number;
  /**
   * A client for the gateways of another site; the caller closes it.
   * @throws GATEWAY_ABSENT when there are no endpoints; PEER_REFUSED while our own
   * certificate is not good
   */
  connect(options: {
    readonly siteId: SiteId;
    /** `host:port` each. */
    readonly endpoints: readonly string[];
    readonly log: Log;
    readonly timeouts?: Partial<PeerClientTimeouts>;
    /** To each endpoint: as many as requests that are made at once. */
    readonly connections?: number;
    /** Of waiting for the way there, not of what is sent afterwards. */
    readonly signal: AbortSignal;
    /** Hears whenever the peer has taken or said something. */
    readonly onMoved?: () => void;
  }): Promise<PeerClient>;
  /**
   * The certificate was renewed, or the authority, or a certificate revoked: links from now on go
   * by these. Those that are there live on, unless more is revoked than before: then what revoked
   * peers are sending is cut, and what is sent to others goes over new connections after the
   * requests that are under way.
   */
  renew(credentials: TlsCredentials): Promise<void>;
  /** Rejects when the tunnel can't go on. */
  readonly ended: Promise<void>;
  /**
   * Takes no more requests, waits for those that are under way, and cuts what is left after
   * `withinSeconds`.
   */
  stop(withinSeconds: number): Promise<void>;
}

export interface TunnelOptions extends PeerHandlers {
  readonly credentials: TlsCredentials;
  /** Only peers of it are let in and dialled. */
  readonly multiCluster: SiteId;
  readonly siteId: SiteId;
  readonly gatewayId: GatewayId;
  readonly listen: { readonly host: string; readonly port: number };
  /** What peers are refused is counted here. */
  readonly refused: RefusedPeers;
  readonly log: Log;
}

/** Nothing ends this one but a stop. */
const endless = new Promise<never>(() => undefined);

/** The tunnel without anything in front: the gateway listens for and dials its peers itself. */
export const openDirectTunnel = async (options: TunnelOptions): Promise<Tunnel> => {
  const { multiCluster, listen, handler, uploads, refused, log } = options;
  let { credentials } = options;
  const clients = new OpenClients(credentials);
  const server = await startTunnelServer({ credentials, multiCluster, ...listen, handler, uploads, refused, log });
  return {
    kind: "direct-tls",
    port: server.port,
    connect: async ({ signal: _, ...client }) => {
      assertValidNow(credentials);
      return clients.add(createPeerClient({ ...client, credentials: () => credentials, multiCluster }));
    },
    renew: async (renewed) => {
      // It throws when certificate and key don't fit; the old ones stay then.
      server.renew(renewed);
      credentials = renewed;
      clients.renew(renewed);
    },
    ended: endless,
    stop: (withinSeconds) => server.stop(withinSeconds),
  };
};
