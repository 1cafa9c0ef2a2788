import { formatIdentity, type PeerIdentity, peerRefused } from "../../core/api/identity.ts";
import { plainSerial, type Revocations } from "../../pki/revocations.ts";
import type { Log } from "../log/log.ts";

/** A peer as its certificate has it. */
export interface Peer {
  readonly identity: PeerIdentity;
  /** The certificate's serial number, hexadecimal. */
  readonly serial: string;
}

/** What a peer has under way. */
interface UnderWay {
  readonly peer: Peer;
  readonly path: string | undefined;
  /** Ends its connection. */
  readonly cut: () => void;
}

/**
 * Keeps peers with revoked certificates out: TLS refuses them from then on, and this what they have
 * under way on connections that are older than the list.
 */
export class RevokedPeers {
  readonly #log: Log;
  readonly #underWay = new Set<UnderWay>();
  #serials: ReadonlySet<string>;

  constructor(revocations: Revocations | undefined, log: Log) {
    this.#serials = revocations?.serials ?? new Set();
    this.#log = log;
  }

  /** @returns what is to be called when it is over @throws PEER_REFUSED */
  admit(admitted: UnderWay): () => void {
    const { peer } = admitted;
    if (this.#isRevoked(peer)) throw peerRefused(`The certificate of ${formatIdentity(peer.identity)} was revoked.`);
    this.#underWay.add(admitted);
    return () => void this.#underWay.delete(admitted);
  }

  /** From now on these are refused, and what they have under way is cut. */
  update(revocations: Revocations | undefined): void {
    this.#serials = revocations?.serials ?? new Set();
    for (const { peer, path, cut } of this.#underWay) {
      if (!this.#isRevoked(peer)) continue;
      this.#log.warn({ peer: formatIdentity(peer.identity), path }, "a peer was refused: it is revoked");
      cut();
    }
  }

  #isRevoked({ serial }: Peer): boolean {
    return this.#serials.has(plainSerial(serial));
  }
}
