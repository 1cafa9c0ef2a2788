import { decodeProtectedHeader, importSPKI, type JWTPayload, jwtVerify } from "jose";
import { type GatewayCertificates, renewableSeconds } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type PeerIdentity, parseIdentity } from "../../core/api/identity.ts";
import { plainSerial } from "../../pki/revocations.ts";
import { x509 } from "../../pki/x509.ts";
import { isRevoked } from "../certificates/revocations.ts";
import { certificatesKey } from "../documents/records.ts";
import { gatewayWasRemoved, removedAt } from "../gateways/removed.ts";
import { readStoredSite } from "../sites/sites.ts";
import type { EnrolmentDeps } from "./enrolment.ts";

/**
 * A proof is made for one request and good for a minute; clocks may differ by as much as
 * certificates allow for.
 */
const ageSecondsMax = 60;
const clockToleranceSeconds = 300;

/**
 * Which gateway sent a request, by its proof: a JWT (RFC 7519) signed with the key of its
 * certificate, which is in the header `x5c` (RFC 7515). The certificate must be of the authority of
 * the multi-cluster that it names, and neither expired nor revoked; the audience is the host that
 * was asked, so that a proof which somebody else was sent is worth nothing here.
 * @param isRenewal one that has expired lately, or was issued by a clock that was ahead, is
 *   believed as well, if it is one that this control plane remembers to have given
 * @throws {VisibleError} UNAUTHENTICATED saying what is wrong with it; GATEWAY_REMOVED
 */
export const proveGateway = async (
  deps: EnrolmentDeps,
  options: { readonly proof: string; readonly audience: string; readonly isRenewal?: boolean },
): Promise<PeerIdentity> => {
  const { proof, audience, isRenewal = false } = options;
  const now = new Date(deps.clock.now());
  const certificate = certificateOf(proof);
  const identity = identityOf(certificate);
  await assertOfAuthority(deps, certificate, identity);
  await assertSigned(certificate, { proof, audience, now });
  const { body: site } = await readStoredSite(deps, identity.siteId);
  // An authority speaks for the sites of its own multi-cluster.
  if (site.multiCluster !== identity.multiCluster) {
    throw refused(`Site “${site.id}” is not of the multi-cluster “${identity.multiCluster}”.`);
  }
  if (removedAt(site, identity.gatewayId) !== undefined) throw gatewayWasRemoved(identity);
  await assertNotRevoked(deps, certificate, identity);
  if (!isRenewal || !(await isRenewable(deps, certificate, identity, now))) assertValid(certificate, now);
  return identity;
};

const refused = (message: string, cause?: unknown) =>
  new VisibleError("UNAUTHENTICATED", message, {
    hint: "See that the gateway's clock is right. If it is, enrol the gateway again: smtx-backup gateway enrol -c FILE.",
    cause,
  });

const certificateOf = (proof: string): x509.X509Certificate => {
  try {
    const [first] = decodeProtectedHeader(proof).x5c ?? [];
    if (first === undefined) throw new TypeError("it has no certificate");
    return new x509.X509Certificate(first);
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
  deps: EnrolmentDeps,
  certificate: x509.X509Certificate,
  { multiCluster }: PeerIdentity,
): Promise<void> => {
  const authority = await deps.authorities.of(multiCluster);
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
  if (await isRevoked(deps, identity.multiCluster, certificate.serialNumber)) throw gatewayWasRemoved(identity);
};

const assertSigned = async (
  certificate: x509.X509Certificate,
  { proof, audience, now }: { readonly proof: string; readonly audience: string; readonly now: Date },
): Promise<JWTPayload> => {
  try {
    const key = await importSPKI(certificate.publicKey.toString("pem"), "ES256");
    const options = {
      audience,
      algorithms: ["ES256"],
      currentDate: now,
      maxTokenAge: ageSecondsMax,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ["exp"],
    };
    return (await jwtVerify(proof, key, options)).payload;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw refused(`The proof is not good (${reason}). By the control plane's clock it is ${now.toISOString()}.`, cause);
  }
};
