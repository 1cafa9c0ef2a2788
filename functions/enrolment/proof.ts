import { type GatewayCertificates, renewableSeconds } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type PeerIdentity, parseIdentity } from "../../core/api/identity.ts";
import type { Authority } from "../../pki/authority.ts";
import { bodyDigest, certificateOfProof, type ProofClaims, proofClaimsSchema, signedClaims } from "../../pki/proof.ts";
import { plainSerial } from "../../pki/revocations.ts";
import { x509 } from "../../pki/x509.ts";
import { isRevoked } from "../certificates/revocations.ts";
import { certificatesKey } from "../documents/records.ts";
import { GatewayWasRemoved, removedAt } from "../gateways/removed.ts";
import { readStoredSite } from "../sites/sites.ts";
import type { EnrolmentDeps } from "./enrolment.ts";
import { assertFresh, useUp } from "./nonce.ts";

export interface ProofDeps extends EnrolmentDeps {
  /**
   * The hosts of the API's public URLs, as the deployment knows them: what a request says of its
   * host is whatever the sender likes.
   */
  readonly audiences: readonly string[];
}

/** What a proof is held against. */
export interface ProvenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

/**
 * Which gateway sent a request, by its proof: a JWT (RFC 7519) signed with the key of its
 * certificate, which is in the header `x5c` (RFC 7515). The certificate must be of the authority of
 * the multi-cluster that it names, and neither expired nor revoked. The proof is good for this
 * request alone, at this control plane, once, and within a minute of the nonce that was given for
 * it; the gateway's clock has no say.
 * @param isRenewal one that has expired lately, or was issued by a clock that was ahead, is
 *   believed as well, if it is one that this control plane remembers to have given
 * @throws {VisibleError} UNAUTHENTICATED saying what is wrong with it; GATEWAY_REMOVED
 * @throws {NonceNeeded} when all else of it is right, with the nonce for the next try
 */
export const proveGateway = async (
  deps: ProofDeps,
  options: { readonly proof: string; readonly request: ProvenRequest; readonly isRenewal?: boolean },
): Promise<PeerIdentity> => {
  const { proof, request, isRenewal = false } = options;
  const now = new Date(deps.clock.now());
  const certificate = certificateOf(proof);
  const identity = identityOf(certificate);
  const authority = await deps.authorities.of(identity.multiCluster);
  await assertOfAuthority(authority, certificate, identity);
  const claims = await claimsOf(certificate, proof);
  assertMadeFor(request, claims, deps.audiences);
  const nonceAt = assertFresh(authority, claims.nonce, deps.clock.now());
  const { body: site } = await readStoredSite(deps, identity.siteId);
  // An authority speaks for the sites of its own multi-cluster.
  if (site.multiCluster !== identity.multiCluster) {
    throw refused(`Site “${site.id}” is not of the multi-cluster “${identity.multiCluster}”.`);
  }
  if (removedAt(site, identity.gatewayId) !== undefined) throw new GatewayWasRemoved(identity);
  await assertNotRevoked(deps, certificate, identity);
  if (!isRenewal || !(await isRenewable(deps, certificate, identity, now))) assertValid(certificate, now);
  await useUp(deps, identity, { authority, nonceAt });
  return identity;
};

const refused = (message: string, cause?: unknown, hint?: string) =>
  new VisibleError("UNAUTHENTICATED", message, {
    hint:
      hint ??
      "See that the gateway's clock is right. If it is, enrol the gateway again: smtx-backup gateway enrol -c FILE.",
    cause,
  });

const certificateOf = (proof: string): x509.X509Certificate => {
  try {
    return certificateOfProof(proof);
  } catch (cause) {
    throw refused("The request has no proof of a gateway, or one that can't be read.", cause);
  }
};

const identityOf = (certificate: x509.X509Certificate): PeerIdentity => {
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const [name] = names;
  if (name?.type !== "url" || names.length > 1) throw refused("The certificate does not name one gateway.");
  return parseIdentity(name.value);
};

const assertOfAuthority = async (
  authority: Authority,
  certificate: x509.X509Certificate,
  { multiCluster }: PeerIdentity,
): Promise<void> => {
  const { publicKey } = new x509.X509Certificate(authority.certificatePem);
  if (await certificate.verify({ publicKey, signatureOnly: true })) return;
  throw refused(`The certificate is not of the authority of “${multiCluster}”.`);
};

const assertValid = ({ notBefore, notAfter }: x509.X509Certificate, now: Date): void => {
  const here = `by the control plane's clock it is ${now.toISOString()}`;
  if (now < notBefore) {
    throw refused(`The certificate is not valid before ${notBefore.toISOString()}, and ${here}: see the clocks.`);
  }
  if (now > notAfter) throw refused(`The certificate expired on ${notAfter.toISOString()}, and ${here}.`);
};

/** Whether it is one that was given to this gateway, and did not expire too long ago. */
const isRenewable = async (
  { store }: EnrolmentDeps,
  { serialNumber, notAfter }: x509.X509Certificate,
  { siteId, gatewayId }: PeerIdentity,
  now: Date,
): Promise<boolean> => {
  if (now.getTime() > notAfter.getTime() + renewableSeconds * 1000) return false;
  const given = await store.get<GatewayCertificates>(certificatesKey(siteId, gatewayId));
  return (given?.body.certificates ?? []).some(({ serial }) => plainSerial(serial) === plainSerial(serialNumber));
};

/**
 * One that enrolled again has another certificate; whoever shows the old one is the
 * one who was removed.
 */
const assertNotRevoked = async (
  deps: EnrolmentDeps,
  certificate: x509.X509Certificate,
  identity: PeerIdentity,
): Promise<void> => {
  if (await isRevoked(deps, identity.multiCluster, certificate.serialNumber)) throw new GatewayWasRemoved(identity);
};

const claimsOf = async (certificate: x509.X509Certificate, proof: string): Promise<ProofClaims> => {
  const claims = proofClaimsSchema.safeParse(await signedIn(certificate, proof));
  if (claims.success) return claims.data;
  throw refused(
    "The proof does not say which request it was made for.",
    claims.error,
    "The gateway is older than the control plane: install this version beside its site, and start it again. Its certificate is renewed then.",
  );
};

const signedIn = async (certificate: x509.X509Certificate, proof: string): Promise<unknown> => {
  try {
    return await signedClaims(certificate, proof);
  } catch (cause) {
    throw refused("The proof is not signed by the certificate's key.", cause);
  }
};

const assertMadeFor = (
  { method, path, body }: ProvenRequest,
  claims: ProofClaims,
  audiences: readonly string[],
): void => {
  if (!audiences.includes(claims.aud)) {
    throw refused(
      `The proof is made for “${claims.aud}”, and this control plane is ${audiences.join(" or ")}.`,
      undefined,
      `Write the URL of ${audiences.join(" or ")} as api into the gateway's configuration, or let API_URLS of the control plane name this one as well.`,
    );
  }
  const isSame = claims.method === method && claims.path === path;
  if (!isSame) throw refused(`The proof is made for ${claims.method} ${claims.path}, and not for ${method} ${path}.`);
  if (claims.bodySha256 !== bodyDigest(body)) {
    throw refused("The proof is made for a request with another body.");
  }
};
