import { z } from "zod";
import { groupIdSchema, instantSchema, planIdSchema, siteIdSchema } from "../ids.ts";

/*
 * A published group's proof: what the gateway that published it said of it at that moment, signed
 * by its key. pki/manifest-proof.ts makes proofs and judges them.
 */

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** Which volumes a group has snapshots of, in as few bytes for thousands as for one. */
export const volumeSetSchema = z.object({
  count: z.int().min(1),
  /** In hexadecimal, of a JSON array of pairs of the source's id and the mirror's, sorted. */
  sha256: sha256Schema,
});
export type VolumeSet = z.infer<typeof volumeSetSchema>;

/** A published group as its site keeps it: all that a proof binds. */
export const keptGroupSchema = z.object({
  groupId: groupIdSchema,
  planId: planIdSchema,
  source: siteIdSchema,
  sequence: z.int().min(1),
  /** The instant of the source's snapshot. */
  takenAt: instantSchema,
  volumes: volumeSetSchema,
  /** In hexadecimal, of the UTF-8 of the manifest, byte for byte as it is kept. */
  manifestSha256: sha256Schema,
});
export type KeptGroup = z.infer<typeof keptGroupSchema>;

/** What is signed, as JSON. */
export const manifestStatementSchema = keptGroupSchema.extend({
  version: z.literal(1),
  /** By the clock of the control plane, as far as the gateway knew it. */
  publishedAt: instantSchema,
});
export type ManifestStatement = z.infer<typeof manifestStatementSchema>;

/** More than any statement or certificate of a gateway has. */
const charactersMax = 16_384;

export const manifestProofSchema = z.object({
  /** A `ManifestStatement`, byte for byte as it was signed. */
  statement: z.string().max(charactersMax),
  /** ECDSA on P-256 with SHA-256, r and s of 32 bytes each, base64url. */
  signature: z.string().max(charactersMax),
  /** Of the gateway that signed. */
  certificatePem: z.string().max(charactersMax),
});
export type ManifestProof = z.infer<typeof manifestProofSchema>;
