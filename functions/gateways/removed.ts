import { VisibleError } from "../../core/api/errors.ts";
import { formatIdentity, type PeerIdentity } from "../../core/api/identity.ts";
import type { GatewayId, Instant } from "../../core/api/ids.ts";
import type { Site } from "../../core/api/site.ts";

/**
 * When an administrator has removed a gateway of the site; undefined unless it was, and
 * has not enrolled again.
 */
export const removedAt = ({ removedGateways = [] }: Site, gatewayId: GatewayId): Instant | undefined =>
  removedGateways.find(({ id }) => id === gatewayId)?.at;

/** What a gateway is told that was removed, and has shown that it is that one. */
export class GatewayWasRemoved extends VisibleError {
  readonly identity: PeerIdentity;

  constructor(identity: PeerIdentity) {
    super("GATEWAY_REMOVED", `The gateway ${formatIdentity(identity)} was removed.`, {
      hint: `If it should come back, ask somebody with an admin token: smtx-backup gateway invite ${identity.gatewayId} --site ${identity.siteId}`,
    });
    this.identity = identity;
  }
}
