import type { IncomingMessage } from "node:http";
import type { Places } from "../shares/places.ts";
import { placesTaken, type RefusedPeers } from "./refused.ts";
import type { Peer, RevokedPeers } from "./revoked.ts";

/** Joins “who is it” with “may it be here”. */
export interface Admission {
  /** @throws PEER_REFUSED */
  identify(request: IncomingMessage): Peer;
  /**
   * @param cut ends what the peer has begun with this request; it may be called before this returns
   * @returns what is to be called when it is over
   * @throws PEER_REFUSED
   */
  admit(peer: Peer, path: string | undefined, cut: () => void): () => void;
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
  readonly refused: RefusedPeers;
}): Admission => ({
  identify: options.identify,
  admit: (peer, path, cut) => {
    const leaveRevoked = options.revoked.admit({ peer, path, cut });
    const leavePlace = options.places?.enter(peer.identity.siteId, () => {
      options.refused.count(placesTaken, peer.identity);
      cut();
    });
    return () => {
      leaveRevoked();
      leavePlace?.();
    };
  },
});
