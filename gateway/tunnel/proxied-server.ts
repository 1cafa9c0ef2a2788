import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import { Places } from "../shares/places.ts";
import { createAdmission } from "./admission.ts";
import type { TlsCredentials } from "./certificates.ts";
import { assertPeer, identityOfForwarded, serialOfForwarded } from "./identity.ts";
import {
  type ConnectionBounds,
  httpOptionsOf,
  startListening,
  type TunnelServerTimeouts,
  usualBounds,
  usualServerTimeouts,
} from "./listening.ts";
import type { RefusedPeers } from "./refused.ts";
import { type Peer, RevokedPeers } from "./revoked.ts";
import { type PeerHandlers, servePeers } from "./serve-peers.ts";

/** The header in which a proxy that ended TLS says whose certificate it has verified. */
const identityHeader = "x-forwarded-client-cert";
/** And which one. */
export const serialHeader = "x-peer-certificate-serial";

export interface ProxiedServer {
  /** What peers have under way whose certificates are revoked is cut. */
  renew(credentials: TlsCredentials): void;
  /**
   * Takes no more requests, waits for those that are under way, and cuts what is left after
   * `withinSeconds`.
   */
  stop(withinSeconds: number): Promise<void>;
}

/**
 * Listens on a unix socket, which this user alone may open, for a proxy on this host that has
 * verified the peer. What is left of an earlier socket at the path is replaced.
 */
export const startProxiedServer = async (
  options: PeerHandlers & {
    readonly socketPath: string;
    /** Only peers of it are let in. */
    readonly multiCluster: SiteId;
    readonly credentials: TlsCredentials;
    readonly refused: RefusedPeers;
    readonly log: Log;
    readonly timeouts?: Partial<TunnelServerTimeouts>;
    readonly bounds?: ConnectionBounds;
  },
): Promise<ProxiedServer> => {
  const { socketPath, multiCluster, credentials, bounds = usualBounds, refused, log } = options;
  const timeouts = { ...usualServerTimeouts, ...options.timeouts };
  const server = createServer(httpOptionsOf(timeouts));
  const revoked = new RevokedPeers(credentials.revocations, log);
  const identify = (request: IncomingMessage): Peer => {
    const identity = identityOfForwarded(request.headers[identityHeader]);
    assertPeer(identity, { multiCluster });
    return { identity, serial: serialOfForwarded(request.headers[serialHeader]) };
  };
  const places = new Places(bounds.places);
  const admission = createAdmission({ identify, revoked, places, refused });
  const peers = servePeers(server, { ...options, ...admission, timeouts });
  await rm(socketPath, { force: true });
  await startListening(server, {
    where: `The socket ${socketPath}`,
    listen: (listening) => server.listen(socketPath, listening),
    timeouts,
    bounds,
    log,
  });
  await chmod(socketPath, 0o600);
  return {
    renew: ({ revocations }) => revoked.update(revocations),
    stop: peers.stop,
  };
};
