import { X509Certificate } from "node:crypto";
import { importPKCS8, SignJWT } from "jose";
import type { CertificateWithKey } from "../../pki/authority.ts";

/** It is made for one request. */
const lifeSeconds = 60;

/**
 * A proof that whoever sends it has a certificate's key: a JWT (RFC 7519) signed by it, with the
 * certificate in its header `x5c` (RFC 7515, 4.1.6).
 * @param audience the host, with its port, that it is good for
 */
export const proofFor = async (
  audience: string,
  { certificatePem, keyPem }: CertificateWithKey,
  nowMs: number,
): Promise<string> => {
  const now = Math.floor(nowMs / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: "ES256", x5c: [new X509Certificate(certificatePem).raw.toString("base64")] })
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + lifeSeconds)
    .sign(await importPKCS8(keyPem, "ES256"));
};
