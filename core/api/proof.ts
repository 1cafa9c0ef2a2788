import { z } from "zod";

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
