import { z } from "zod";
import type { PeerIdentity } from "./identity.ts";
import { instantSchema } from "./ids.ts";

/** Where gateways get what they reach their queues with, on the API. */
export const credentialsPath = "/v1/credentials";

/** Short-lived AWS credentials for the queues of one site. */
export const queueCredentialsSchema = z.object({
  accessKeyId: z.string().max(256),
  secretAccessKey: z.string().max(256),
  sessionToken: z.string().max(64 * 1024),
  expiresAt: instantSchema,
  region: z.string().max(64),
});
export type QueueCredentials = z.infer<typeof queueCredentialsSchema>;

/** AWS allows so many characters in the name of a role session. */
const senderCharactersMax = 64;

/**
 * What AWS itself says of whoever sent a message: the name of the role session that the control
 * plane opened for the gateway. A very long gateway's name is cut; its site's never is.
 */
export const senderNameOf = ({ siteId, gatewayId }: Pick<PeerIdentity, "siteId" | "gatewayId">): string =>
  `${siteId}@${gatewayId}`.slice(0, senderCharactersMax);
