import type { QueueCredentials } from "../core/api/access.ts";
import { senderNameOf } from "../core/api/access.ts";
import { VisibleError } from "../core/api/errors.ts";
import type { PeerIdentity } from "../core/api/identity.ts";
import type { Report } from "../core/api/report.ts";

/** Gives gateways what they reach their queues with. */
export interface GatewayAccess {
  credentialsFor(identity: PeerIdentity): Promise<QueueCredentials>;
}

/** For an installation whose gateways find credentials where they are, as beside emulators. */
export const noGatewayAccess: GatewayAccess = {
  credentialsFor: async () => {
    throw new VisibleError("NOT_FOUND", "This control plane gives no credentials for queues.", {
      hint: "Leave queues.credentials out of the gateway's configuration: it takes them from its environment then.",
    });
  },
};

/** Which site and gateway a report says it is from. */
const claimedBy = (report: Report): Pick<PeerIdentity, "siteId" | "gatewayId"> =>
  report.kind === "alive"
    ? { siteId: report.gateway.siteId, gatewayId: report.gateway.id }
    : { siteId: report.siteId, gatewayId: report.gatewayId };

/**
 * Whether a report is from whom it says, by what SQS says of its sender: `<unique id of the role>:<name of the session>`.
 * @param roleId of the gateways' role; undefined beside emulators, which don't tell senders apart
 */
export const isFromWhomItSays = (report: Report, senderId: string, roleId: string | undefined): boolean =>
  roleId === undefined || senderId === `${roleId}:${senderNameOf(claimedBy(report))}`;
