import type { IncomingMessage } from "node:http";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { Places } from "../shares/places.ts";
import type { Peer, RevokedPeers } from "./revoked.ts";

/** Joins “who is it” with “may it be here”. */
export interface Admission {
  /**
   * @param cut ends what the peer has begun with this request; it may be called before this returns
   * @returns who it is, and what is to be called when it is over
   * @throws PEER_REFUSED
   */
  admit(request: IncomingMessage, cut: () => void): { readonly identity: PeerIdentity; readonly leave: () => void };
}

export const createAdmission = (options: {
  /**
   * Depends on what stands in front: our own TLS, or a proxy that ends it.
   * @throws PEER_REFUSED
   */
  readonly identify: (request: IncomingMessage) => Peer;
  readonly revoked: RevokedPeers;
  /** What sites have under way takes one each; without them, their connections are counted. */
  readonly places?: Places;
}): Admission => ({
  admit: (request, cut) => {
    const peer = options.identify(request);
    const leaveRevoked = options.revoked.admit({ peer, path: request.url, cut });
    const leavePlace = options.places?.enter(peer.identity.siteId, cut);
    const leave = () => {
      leaveRevoked();
      leavePlace?.();
    };
    return { identity: peer.identity, leave };
  },
});
