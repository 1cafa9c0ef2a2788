import { createHash, X509Certificate } from "node:crypto";
import { compactVerify, decodeProtectedHeader, importPKCS8, importSPKI, SignJWT } from "jose";
import { z } from "zod";
import { jsonIn } from "../core/api/json.ts";
import type { CertificateWithKey } from "./authority.ts";
import { x509 } from "./x509.ts";

/**
 * The header in which a refusal gives the nonce that the next proof is made with, as DPoP-Nonce
 * does (RFC 9449, 8).
 */
export const nonceHeader = "proof-nonce";

/**
 * What a gateway's proof says of the one request that it is made for, and of when: with a nonce
 * that it was given just now.
 */
export const proofClaimsSchema = z.object({
  /** The host of the API's public URL, with its port where that is not the scheme's. */
  aud: z.string().max(512),
  method: z.string().max(16),
  path: z.string().max(256),
  /** Of the body's bytes, base64url. */
  bodySha256: z.string().max(64),
  nonce: z.string().max(128).optional(),
});
export type ProofClaims = z.infer<typeof proofClaimsSchema>;

/** By this host's clock, which only a control plane of the version before asks for. */
const lifeSeconds = 60;

/** What a proof is made for. */
export interface RequestToProve {
  readonly url: URL;
  readonly method: "POST";
  readonly body: string;
  /** That the control plane has given for it; none yet at the first try. */
  readonly nonce: string | undefined;
}

/**
 * A proof that whoever sends this request has a certificate's key: a JWT (RFC 7519) signed by it,
 * with the certificate in its header `x5c` (RFC 7515, 4.1.6). It is good for no other request.
 */
export const proofFor = async (
  { url, method, body, nonce }: RequestToProve,
  { certificatePem, keyPem }: CertificateWithKey,
  nowMs: number,
): Promise<string> => {
  const claims: ProofClaims = {
    ...{ aud: url.host, method, path: url.pathname },
    bodySha256: bodyDigest(body),
    ...(nonce !== undefined && { nonce }),
  };
  const now = Math.floor(nowMs / 1000);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", x5c: [new X509Certificate(certificatePem).raw.toString("base64")] })
    .setIssuedAt(now)
    .setExpirationTime(now + lifeSeconds)
    .sign(await importPKCS8(keyPem, "ES256"));
};

/** SHA-256 of a request's body, base64url. */
export const bodyDigest = (body: string | Uint8Array): string => createHash("sha256").update(body).digest("base64url");

/** The certificate that a proof shows. @throws TypeError and others when it shows none */
export const certificateOfProof = (proof: string): x509.X509Certificate => {
  const [first] = decodeProtectedHeader(proof).x5c ?? [];
  if (first === undefined) throw new TypeError("it has no certificate");
  return new x509.X509Certificate(first);
};

/**
 * What a proof says, as JSON. @throws Error when the certificate's key has not signed it
 */
export const signedClaims = async (certificate: x509.X509Certificate, proof: string): Promise<unknown> => {
  const key = await importSPKI(certificate.publicKey.toString("pem"), "ES256");
  const { payload } = await compactVerify(proof, key, { algorithms: ["ES256"] });
  return jsonIn(new TextDecoder().decode(payload));
};
