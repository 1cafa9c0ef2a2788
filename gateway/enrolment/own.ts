import { X509Certificate } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import { formatIdentity } from "../../core/api/identity.ts";
import type { GatewayConfig } from "../config/config.ts";
import { identityOfCertificate } from "../tunnel/identity.ts";

/**
 * That a certificate is the gateway's own. Another's is refused here, where it can be told why, and
 * not later by every peer.
 * @param what what the certificate came with, to begin the message
 * @throws VisibleError PEER_REFUSED
 */
export const assertOwn = (
  { multiCluster, siteId, gatewayId }: Pick<GatewayConfig, "multiCluster" | "siteId" | "gatewayId">,
  certificatePem: string,
  what: string,
): void => {
  const subjectaltname = new X509Certificate(certificatePem).subjectAltName;
  const named = formatIdentity(identityOfCertificate({ subjectaltname }));
  const own = formatIdentity({ multiCluster, siteId, gatewayId });
  if (named === own) return;
  throw new VisibleError("PEER_REFUSED", `${what} is for ${named}, and this is ${own}.`, {
    hint: "Issue a certificate for this gateway, or correct its configuration.",
  });
};
