import type { X509Certificate } from "node:crypto";
import { formatIdentity, type PeerIdentity, parseIdentity, peerRefused } from "../../core/api/identity.ts";
import type { SiteId } from "../../core/api/ids.ts";

/**
 * The identity in a certificate that TLS has verified, from node's
 * `subjectaltname` ("URI:…, DNS:…").
 * @throws PEER_REFUSED unless it has exactly one URI name: with two, it could pass for either
 */
export const identityOfCertificate = (certificate: { readonly subjectaltname?: string | undefined }): PeerIdentity => {
  const names = certificate.subjectaltname ?? "";
  // Node puts quotes around names that hold separators, so without quotes the list can be split.
  if (names.includes('"'))
    throw peerRefused("The certificate's alternative names hold characters that none of ours does.");
  const uris = names.split(", ").filter((name) => name.startsWith("URI:"));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) {
    throw peerRefused(`The certificate names ${uris.length} URIs, and a gateway's has exactly one.`);
  }
  return parseIdentity(uri.slice("URI:".length));
};

/** The same, from what is quicker to get of a connection. @throws as `identityOfCertificate` */
export const identityOfX509 = (certificate: X509Certificate | undefined): PeerIdentity =>
  identityOfCertificate({ subjectaltname: certificate?.subjectAltName });

/**
 * The identity that Envoy has verified and says in `x-forwarded-client-cert`: one element,
 * “By=…;Hash=…;URI=…”.
 * @throws PEER_REFUSED unless there is exactly one element with exactly one URI: what a stranger
 * added would be another
 */
export const identityOfForwarded = (header: string | readonly string[] | undefined): PeerIdentity => {
  if (typeof header !== "string" || /[",]/.test(header)) throw peerRefused("The proxy does not say who the peer is.");
  const uris = header.split(";").filter((field) => field.startsWith("URI="));
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) throw peerRefused(`The proxy names ${uris.length} URIs of the peer.`);
  return parseIdentity(uri.slice("URI=".length));
};

/**
 * The serial number of the certificate that the proxy has verified.
 * @throws PEER_REFUSED unless it says one
 */
export const serialOfForwarded = (header: string | readonly string[] | undefined): string => {
  if (typeof header === "string" && /^[0-9a-fA-F]+$/.test(header)) return header;
  throw peerRefused("The proxy does not say which certificate the peer has.");
};

/**
 * @throws PEER_REFUSED when the peer is of another multi-cluster, or of another
 * site than the wanted one
 */
export const assertPeer = (
  peer: PeerIdentity,
  wanted: { readonly multiCluster: SiteId; readonly siteId?: SiteId },
): void => {
  if (peer.multiCluster !== wanted.multiCluster) {
    throw peerRefused(`${formatIdentity(peer)} belongs to another multi-cluster than ${wanted.multiCluster}.`);
  }
  if (wanted.siteId !== undefined && peer.siteId !== wanted.siteId) {
    throw peerRefused(`${formatIdentity(peer)} is not a gateway of site ${wanted.siteId}.`);
  }
};
