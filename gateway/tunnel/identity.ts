import { VisibleError } from "../../core/api/errors.ts";
import { type GatewayId, gatewayIdSchema, type SiteId, siteIdSchema } from "../../core/api/ids.ts";

/** Who is at the other end of a link: one gateway of one site of one multi-cluster. */
export interface PeerIdentity {
  readonly multiCluster: SiteId;
  readonly siteId: SiteId;
  readonly gatewayId: GatewayId;
}

const refused = (message: string): VisibleError =>
  new VisibleError("PEER_REFUSED", message, {
    hint: "Give the gateway a certificate that was issued for it by the authority of this multi-cluster.",
  });

/** `spiffe://<multi-cluster>/site/<site>/gateway/<gateway>`: what stands in a gateway's certificate. */
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
    throw refused(`“${uri}” does not name a gateway of a site.`);
  }
  return { multiCluster: parsed.multiCluster.data, siteId: parsed.siteId.data, gatewayId: parsed.gatewayId.data };
};

/**
 * The identity in a certificate that TLS has verified, from node's `subjectaltname` ("URI:…, DNS:…").
 * @throws PEER_REFUSED unless it has exactly one URI name: with two, it could pass for either
 */
export const identityOfCertificate = (certificate: { readonly subjectaltname?: string | undefined }): PeerIdentity => {
  const names = certificate.subjectaltname ?? "";
  // Node puts quotes around names that hold separators, so without quotes the list can be split.
  if (names.includes('"')) throw refused("The certificate's alternative names hold characters that none of ours does.");
  const uris = names.split(", ").filter((name) => name.startsWith("URI:"));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) {
    throw refused(`The certificate names ${uris.length} URIs, and a gateway's has exactly one.`);
  }
  return parseIdentity(uri.slice("URI:".length));
};

/**
 * The identity that Envoy has verified and says in `x-forwarded-client-cert`: one element, “By=…;Hash=…;URI=…”.
 * @throws PEER_REFUSED unless there is exactly one element with exactly one URI: what a stranger added would be another
 */
export const identityOfForwarded = (header: string | readonly string[] | undefined): PeerIdentity => {
  if (typeof header !== "string" || /[",]/.test(header)) throw refused("The proxy does not say who the peer is.");
  const uris = header.split(";").filter((field) => field.startsWith("URI="));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) throw refused(`The proxy names ${uris.length} URIs of the peer.`);
  return parseIdentity(uri.slice("URI=".length));
};

/** @throws PEER_REFUSED when the peer is of another multi-cluster, or of another site than the wanted one */
export const assertPeer = (
  peer: PeerIdentity,
  wanted: { readonly multiCluster: SiteId; readonly siteId?: SiteId },
): void => {
  if (peer.multiCluster !== wanted.multiCluster) {
    throw refused(`${formatIdentity(peer)} belongs to another multi-cluster than ${wanted.multiCluster}.`);
  }
  if (wanted.siteId !== undefined && peer.siteId !== wanted.siteId) {
    throw refused(`${formatIdentity(peer)} is not a gateway of site ${wanted.siteId}.`);
  }
};
