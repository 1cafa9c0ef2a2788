import { type ErrorCode, VisibleError } from "../../core/api/errors.ts";
import { formatIdentity, type PeerIdentity } from "../../core/api/identity.ts";
import { type RefusedPeer, withoutRefused, withRefused } from "../../core/api/refused.ts";
import type { Log } from "../log/log.ts";

/**
 * What an honest peer does not ask for. What befalls honest ones, as being overtaken, is in their
 * runs.
 */
const refusals: ReadonlySet<ErrorCode> = new Set([
  "BAD_REQUEST",
  "FRAME_INVALID",
  "LINK_SLOW",
  "NOT_FOUND",
  "NOT_GRANTED",
  "PEER_REFUSED",
  "VOLUME_UNKNOWN",
]);
/** It had more connections, or more under way, than its site's share. */
export const placesTaken = "PLACES_TAKEN";

/** Counts what peers are refused, until the control plane was told. */
export class RefusedPeers {
  readonly #log: Log;
  #all: readonly RefusedPeer[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Counts a request that failed, if its peer was refused something. One line of the log is of all
   * that are told together. @param peer unless it could not show who it is
   */
  note(error: unknown, peer: PeerIdentity | undefined, where: object): void {
    if (!VisibleError.is(error) || !refusals.has(error.code) || !this.count(error.code, peer)) return;
    this.#log.warn({ err: error, peer: peer && formatIdentity(peer), ...where }, "a peer was refused");
  }

  /** @returns whether it is the first of its kind */
  count(code: string, peer: PeerIdentity | undefined): boolean {
    const { length } = this.#all;
    const name = peer && { siteId: peer.siteId, gatewayId: peer.gatewayId };
    this.#all = withRefused(this.#all, { ...(name && { peer: name }), code, times: 1 });
    return this.#all.length > length;
  }

  list(): readonly RefusedPeer[] {
    return this.#all;
  }

  /** The control plane was told of these. */
  told(these: readonly RefusedPeer[]): void {
    this.#all = withoutRefused(this.#all, these);
  }
}
