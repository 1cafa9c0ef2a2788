import assert from "node:assert";
import { Socket } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import { seldom } from "../log/seldom.ts";
import { Places } from "../shares/places.ts";
import { steadyTime } from "../time/time.ts";
import { assertPeer, identityOfX509 } from "./identity.ts";
import type { ConnectionBounds } from "./listening.ts";
import { Lobby } from "./lobby.ts";
import { placesTaken, type RefusedPeers } from "./refused.ts";

/** Bounds who is at a port: strangers all together, and sites each to its share. */
export const boundConnections = (
  server: Server,
  options: {
    readonly multiCluster: SiteId;
    readonly bounds: ConnectionBounds;
    readonly refused: RefusedPeers;
    readonly log: Log;
  },
): void => {
  const { multiCluster, bounds, refused, log } = options;
  const onDropped = seldom(steadyTime.nowMs, (times) =>
    log.warn({ times }, "connections were dropped before they said who they are: too many wait"),
  );
  const onGone = seldom(steadyTime.nowMs, (times) =>
    log.warn({ times }, "connections ended before they said who they are"),
  );
  const onCut = seldom(steadyTime.nowMs, (times) =>
    log.warn({ times }, "connections of the site that has the most were cut: there are too many"),
  );
  const lobby = new Lobby(bounds.lobby);
  const places = new Places(bounds.places);
  server.on("connection", (socket) => {
    assert(socket instanceof Socket, "what comes to a port is a socket");
    lobby.enter(socket);
  });
  server.on("secureConnection", (socket) => {
    lobby.leave(socket);
    const peer = peerAt(socket, multiCluster);
    const cut = () => {
      onCut();
      refused.count(placesTaken, peer);
      socket.destroy();
    };
    // Those that will be refused have one site's share together.
    socket.once("close", places.enter(peer?.siteId ?? "", cut));
  });
  server.on("tlsClientError", (error, socket) => {
    if (Lobby.hasDropped(error)) {
      onDropped();
      return;
    }
    lobby.leave(socket);
    const reason = socket.authorizationError ?? error;
    // It went away and has said nothing. A line for each would be a stranger's to make.
    if (reason === error && (error as NodeJS.ErrnoException).code === "ECONNRESET") {
      onGone();
      return;
    }
    log.warn({ err: error, reason, from: socket.remoteAddress }, "a peer was refused in the handshake");
  });
};

/** Whose place a connection takes; undefined: somebody's who will be refused. */
const peerAt = (socket: TLSSocket, multiCluster: SiteId): PeerIdentity | undefined => {
  try {
    const identity = identityOfX509(socket.getPeerX509Certificate());
    assertPeer(identity, { multiCluster });
    return identity;
  } catch {
    return undefined;
  }
};
