import type { CertificateWithKey } from "./authority.ts";
import { ecdsa, keyToPem, newKeys } from "./keys.ts";
import { x509 } from "./x509.ts";

/** Clocks of two hosts may differ by so much and a fresh certificate is still good. */
const backdatedMs = 10 * 60 * 1000;

/** No name has a colon, or digits alone. */
const address = /:|^[0-9.]+$/;

/**
 * A certificate that vouches for itself, for one end of a few connections: whoever is given it
 * trusts it, and nothing else does.
 * @param options.hosts addresses and names that a server is reached at
 */
export const selfSigned = async (options: {
  readonly name: string;
  readonly hosts?: readonly string[];
  readonly nowMs: number;
  readonly validMs: number;
}): Promise<CertificateWithKey> => {
  const { name, hosts = [], nowMs, validMs } = options;
  const keys = await newKeys();
  const names = hosts.map((value) => ({ type: address.test(value) ? "ip" : "dns", value }) as const);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + validMs),
    signingAlgorithm: ecdsa,
    keys,
    extensions: [
      // Some libraries want an authority in what they are given to trust.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certificatePem: certificate.toString("pem"), keyPem: await keyToPem(keys.privateKey) };
};
