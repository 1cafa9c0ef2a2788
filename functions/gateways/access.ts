import type { QueueCredentials } from "../../core/api/access.ts";
import { senderNameOf } from "../../core/api/access.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import { type Report, senderOf } from "../../core/api/report.ts";

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

/**
 * Whether a report is from whom it says, by what SQS says of its sender:
 * `<unique id of the role>:<name of the role session>`.
 * @param roleId of the gateways' role; undefined beside emulators, which don't tell senders apart
 */
export const isFromWhomItSays = (report: Report, senderId: string, roleId: string | undefined): boolean =>
  roleId === undefined || senderId === `${roleId}:${senderNameOf(senderOf(report))}`;

/**
 * Whether a report was sent as one of its site's. The queue gives each group of messages a fair
 * share, so whoever sent in another group, or in none, would take the shares of others.
 * @param groupId the message's; undefined where it has none
 */
export const isInItsGroup = (report: Report, groupId: string | undefined, roleId: string | undefined): boolean =>
  roleId === undefined || groupId === senderOf(report).siteId;
