import type { CertificateWithKey } from "./authority.ts";
import { ecdsa, keyToPem, newKeys } from "./keys.ts";
import { x509 } from "./x509.ts";

/** Clocks of two hosts may differ by so much and a fresh certificate is still good. */
const backdatedMs = 10 * 60 * 1000;

/** Of one end of an attachment: what it shows, and what the other end trusts. */
export interface AttachmentCertificate extends CertificateWithKey {
  /** Whose key nobody has any more: it has signed this one certificate. */
  readonly authorityPem: string;
}

/** No name has a colon, or digits alone. */
const address = /:|^[0-9.]+$/;

/**
 * A certificate for one end of one attachment, with an authority of its own: nobody trusts it who
 * was not given that.
 * @param options.hosts of a server, addresses and names that it is reached at
 */
export const attachmentCertificate = async (options: {
  readonly hosts?: readonly string[];
  readonly nowMs: number;
  readonly validMs: number;
}): Promise<AttachmentCertificate> => {
  const { hosts, nowMs, validMs } = options;
  const between = { notBefore: new Date(nowMs - backdatedMs), notAfter: new Date(nowMs + validMs) };
  const what = hosts === undefined ? "clients" : "server";
  const [authorityKeys, keys] = await Promise.all([newKeys(), newKeys()]);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`authority of an attachment's ${what}`] }],
    ...between,
    signingAlgorithm: ecdsa,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const names = (hosts ?? []).map((value) => ({ type: address.test(value) ? "ip" : "dns", value }) as const);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [`attachment's ${what}`] }],
    issuer: authority.subject,
    ...between,
    signingAlgorithm: ecdsa,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([hosts === undefined ? clientAuth : serverAuth]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return {
    authorityPem: authority.toString("pem"),
    certificatePem: certificate.toString("pem"),
    keyPem: await keyToPem(keys.privateKey),
  };
};
