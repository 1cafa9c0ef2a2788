import { decodeProtectedHeader, importSPKI, type JWTPayload, jwtVerify } from "jose";
import { VisibleError } from "../core/api/errors.ts";
import { type PeerIdentity, parseIdentity } from "../core/api/identity.ts";
import { x509 } from "../pki/x509.ts";
import type { EnrolmentDeps } from "./enrolment.ts";
import { readStoredSite } from "./queries/sites.ts";
import { gatewayWasRemoved, removedAt } from "./removed.ts";
import { isRevoked } from "./revocations.ts";

/** A proof is made for one request and good for a minute; clocks may differ by as much as certificates allow for. */
const ageSecondsMax = 60;
const clockToleranceSeconds = 300;

/**
 * Which gateway sent a request, by its proof: a JWT (RFC 7519) signed with the key of its certificate, which is in the header `x5c`
 * (RFC 7515). The certificate must be of the authority of the multi-cluster that it names, and neither expired nor revoked; the audience
 * is the host that was asked, so that a proof which somebody else was sent is worth nothing here.
 * @throws {VisibleError} UNAUTHENTICATED saying what is wrong with it; GATEWAY_REMOVED
 */
export const proveGateway = async (
  deps: EnrolmentDeps,
  { proof, audience }: { readonly proof: string; readonly audience: string },
): Promise<PeerIdentity> => {
  const now = new Date(deps.clock.now());
  const certificate = certificateOf(proof);
  const identity = identityOf(certificate);
  await assertBelieved(deps, certificate, identity, now);
  await assertSigned(certificate, { proof, audience, now });
  const { body: site } = await readStoredSite(deps, identity.siteId);
  // An authority speaks for the sites of its own multi-cluster.
  if (site.multiCluster !== identity.multiCluster) {
    throw refused(`Site “${site.id}” is not of the multi-cluster “${identity.multiCluster}”.`);
  }
  if (removedAt(site, identity.gatewayId) !== undefined) throw gatewayWasRemoved(identity);
  await assertNotRevoked(deps, certificate, identity);
  return identity;
};

const refused = (message: string, cause?: unknown) =>
  new VisibleError("UNAUTHENTICATED", message, {
    hint: "Enrol the gateway again: smtx-backup gateway enrol. See that its clock is right.",
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

const assertBelieved = async (
  deps: EnrolmentDeps,
  certificate: x509.X509Certificate,
  { multiCluster }: PeerIdentity,
  now: Date,
): Promise<void> => {
  const authority = deps.authorities.of(multiCluster);
  const { publicKey } = new x509.X509Certificate(authority.certificatePem);
  if (!(await certificate.verify({ publicKey, signatureOnly: true }))) {
    throw refused(`The certificate is not of the authority of “${multiCluster}”.`);
  }
  if (now < certificate.notBefore || now > certificate.notAfter) {
    throw refused(
      `The certificate is valid until ${certificate.notAfter.toISOString()}, and now it is ${now.toISOString()}.`,
    );
  }
};

/** One that enrolled again has another certificate; whoever shows the old one is the one who was removed. */
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
    throw refused(`The proof is not good: ${cause instanceof Error ? cause.message : cause}.`, cause);
  }
};
