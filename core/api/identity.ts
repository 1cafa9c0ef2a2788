import { VisibleError } from "./errors.ts";
import { type GatewayId, gatewayIdSchema, type SiteId, siteIdSchema } from "./ids.ts";

/** Who a gateway is: one gateway of one site of one multi-cluster. Its certificate says so. */
export interface PeerIdentity {
  readonly multiCluster: SiteId;
  readonly siteId: SiteId;
  readonly gatewayId: GatewayId;
}

export const peerRefused = (message: string): VisibleError =>
  new VisibleError("PEER_REFUSED", message, {
    hint: "Give the gateway a certificate that was issued for it by the authority of this multi-cluster.",
  });

/**
 * `spiffe://<multi-cluster>/site/<site>/gateway/<gateway>`: the one name in a
 * gateway's certificate.
 */
export const formatIdentity = ({ multiCluster, siteId, gatewayId }: PeerIdentity): string =>
  `spiffe://${multiCluster}/site/${siteId}/gateway/${gatewayId}`;

/** The identity that a URI names. @throws PEER_REFUSED when it is not exactly of the form above */
export const parseIdentity = (uri: string): PeerIdentity => {
  const [, multiCluster, siteId, gatewayId] = /^spiffe:\/\/([^/]+)\/site\/([^/]+)\/gateway\/([^/]+)$/.exec(uri) ?? [];
  const parsed = {
    multiCluster: siteIdSchema.safeParse(multiCluster),
    siteId: siteIdSchema.safeParse(siteId),
    gatewayId: gatewayIdSchema.safeParse(gatewayId),
  };
  if (!parsed.multiCluster.success || !parsed.siteId.success || !parsed.gatewayId.success) {
    throw peerRefused(`“${uri}” does not name a gateway of a site.`);
  }
  return { multiCluster: parsed.multiCluster.data, siteId: parsed.siteId.data, gatewayId: parsed.gatewayId.data };
};
