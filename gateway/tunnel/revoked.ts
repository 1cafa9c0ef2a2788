import type { IncomingMessage } from "node:http";
import { formatIdentity, type PeerIdentity, peerRefused } from "../../core/api/identity.ts";
import { plainSerial, type Revocations } from "../../pki/revocations.ts";
import type { Log } from "../log.ts";

/** A peer as its certificate has it. */
export interface Peer {
  readonly identity: PeerIdentity;
  /** The certificate's serial number, hexadecimal. */
  readonly serial: string;
}

/**
 * Keeps peers with revoked certificates out: TLS refuses them from then on, and this what they have under way on connections that are
 * older than the list.
 */
export class RevokedPeers {
  readonly #log: Log;
  readonly #underWay = new Map<IncomingMessage, Peer>();
  #serials: ReadonlySet<string>;

  constructor(revocations: Revocations | undefined, log: Log) {
    this.#serials = revocations?.serials ?? new Set();
    this.#log = log;
  }

  /** @throws PEER_REFUSED */
  admit(request: IncomingMessage, peer: Peer): void {
    if (this.#isRevoked(peer)) throw peerRefused(`The certificate of ${formatIdentity(peer.identity)} was revoked.`);
    this.#underWay.set(request, peer);
    request.once("close", () => this.#underWay.delete(request));
  }

  /** From now on these are refused, and what they have under way is cut. */
  update(revocations: Revocations | undefined): void {
    this.#serials = revocations?.serials ?? new Set();
    for (const [request, peer] of this.#underWay) {
      if (!this.#isRevoked(peer)) continue;
      this.#log.warn({ peer: formatIdentity(peer.identity), path: request.url }, "a peer was refused: it is revoked");
      request.socket.destroy();
    }
  }

  #isRevoked({ serial }: Peer): boolean {
    return this.#serials.has(plainSerial(serial));
  }
}
