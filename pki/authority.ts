import { createPrivateKey, X509Certificate } from "node:crypto";
import { VisibleError } from "../core/api/errors.ts";
import { formatIdentity, type PeerIdentity } from "../core/api/identity.ts";
import { ecdsa, keyFromPem, keyToPem, newKeys } from "./keys.ts";
import { x509 } from "./x509.ts";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface CertificateWithKey {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** The authority of a multi-cluster. Whoever has its key can be any of its gateways. */
export type Authority = CertificateWithKey;

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
/** Clocks of two sites may differ by so much and a fresh certificate is still good. */
const backdatedMs = 5 * 60 * 1000;
/**
 * An authority is good from the beginning of time: its key vouches for nothing that is older. Made
 * by a clock that was ahead, it would else be refused by everybody until then; and a host that has
 * just been switched on may not know the time yet.
 */
const authorityFrom = new Date(0);

/**
 * How long a gateway's certificate lasts. It is renewed after two thirds, so a control plane may be
 * away for four days.
 */
export const gatewayCertificateMs = 14 * dayMs;
export const authorityMs = 3650 * dayMs;

/**
 * A new certificate authority for a multi-cluster. Its key signs gateways and revocations, and is
 * needed for nothing else.
 */
export const createAuthority = async (options: {
  readonly multiCluster: string;
  readonly nowMs?: number;
}): Promise<Authority> => {
  const { multiCluster, nowMs = Date.now() } = options;
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`smtx-backup ${multiCluster}`] }],
    notBefore: authorityFrom,
    notAfter: new Date(nowMs + authorityMs),
    signingAlgorithm: ecdsa,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: certificate.toString("pem"), keyPem: await keyToPem(keys.privateKey) };
};

export interface IssuedCertificate {
  readonly certificatePem: string;
  /** Hexadecimal, as in a list of revocations. */
  readonly serial: string;
  readonly notAfterMs: number;
}

/**
 * A certificate for one gateway, for both ends of a link, with its identity as the
 * only alternative name.
 */
export const issueCertificate = async (
  authority: Authority,
  options: {
    readonly identity: PeerIdentity;
    readonly publicKey: x509.PublicKeyType;
    readonly nowMs: number;
    readonly validMs?: number;
  },
): Promise<IssuedCertificate> => {
  const { identity, publicKey, nowMs, validMs = gatewayCertificateMs } = options;
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [identity.gatewayId] }],
    issuer: issuer.subjectName,
    notBefore: new Date(nowMs - backdatedMs),
    // Nobody believes it longer than its authority.
    notAfter: new Date(Math.min(nowMs + validMs, issuer.notAfter.getTime())),
    signingAlgorithm: ecdsa,
    publicKey,
    signingKey: await keyFromPem(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: formatIdentity(identity) }]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await authorityKeyIdentifier(authority.certificatePem),
    ],
  });
  return {
    certificatePem: certificate.toString("pem"),
    serial: certificate.serialNumber,
    notAfterMs: certificate.notAfter.getTime(),
  };
};

const pemBlock = (label: string) => new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\\n?`, "g");

/**
 * An authority from PEM: its certificate and its key, in any order, in one text. It may come from
 * anywhere, as long as it is good for the purpose.
 * @throws VisibleError BAD_REQUEST saying what is wrong with it
 */
export const readAuthority = (pem: string, nowMs: number): Authority => {
  const wrong = (what: string, cause?: unknown) =>
    new VisibleError("BAD_REQUEST", `The authority can't be used: ${what}.`, {
      hint: "Make one with: smtx-backup ca init --multi-cluster NAME --out DIR; or give the PEM of a CA's certificate and of its key (PKCS #8, ECDSA P-256).",
      cause,
    });
  const certificates = pem.match(pemBlock("CERTIFICATE")) ?? [];
  const keys = pem.match(pemBlock("PRIVATE KEY")) ?? [];
  const [certificatePem] = certificates;
  const [keyPem] = keys;
  if (certificatePem === undefined || certificates.length > 1) {
    throw wrong(`there are ${certificates.length} certificates in it, and one is wanted`);
  }
  if (keyPem === undefined || keys.length > 1) throw wrong(`there are ${keys.length} private keys in it`);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificatePem);
    const key = createPrivateKey(keyPem);
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new TypeError("it is not of ECDSA P-256");
    if (!certificate.checkPrivateKey(key)) throw new TypeError("it is not the certificate's");
  } catch (cause) {
    throw wrong(`of its certificate or key: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const usages = new x509.X509Certificate(certificatePem).getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  const needed = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  if (!certificate.ca || (usages & needed) !== needed) {
    throw wrong("its certificate may not sign certificates and lists of revocations (keyCertSign, cRLSign)");
  }
  if (certificate.issuer !== certificate.subject) throw wrong("its certificate is not a root: somebody else signed it");
  if (nowMs < Date.parse(certificate.validFrom)) {
    throw wrong(`its certificate is not valid before ${certificate.validFrom}: see the clock`);
  }
  if (nowMs > Date.parse(certificate.validTo)) throw wrong(`its certificate has expired on ${certificate.validTo}`);
  return { certificatePem, keyPem };
};

/** SHA-256 of a certificate, hexadecimal. */
export const fingerprintOf = (certificatePem: string): string =>
  new X509Certificate(certificatePem).fingerprint256.replaceAll(":", "").toLowerCase();

/**
 * The identifier by which a certificate or a list names its authority: what the authority's own
 * certificate says, which need not be the hash that one would make of its key.
 */
export const authorityKeyIdentifier = async (certificatePem: string): Promise<x509.AuthorityKeyIdentifierExtension> => {
  const issuer = new x509.X509Certificate(certificatePem);
  const own = issuer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return own === undefined
    ? x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)
    : new x509.AuthorityKeyIdentifierExtension(own);
};
