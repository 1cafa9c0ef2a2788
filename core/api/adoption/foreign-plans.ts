import { z } from "zod";
import { keptGroupSchema, manifestProofSchema } from "../foreign/proof.ts";
import { planNameSchema } from "../ids.ts";

/** A manifest is told packed: gzip, in base64, cut into pieces. */
export const pieceCharactersMax = 128 * 1024;
/** Of one manifest. */
export const piecesMax = 64;
/** What a manifest that was unpacked may have at most, in bytes. */
export const manifestBytesMax = 64 * 1024 * 1024;

/** One of a site's groups of foreign plans, as its store has it, with a piece of its manifest. */
export const foreignGroupSchema = z.object({
  group: keptGroupSchema,
  planName: planNameSchema,
  sizeBytes: z.int().min(0),
  /** Absent: nobody has signed it. */
  proof: manifestProofSchema.optional(),
  piece: z
    .int()
    .min(0)
    .max(piecesMax - 1),
  /** None: the manifest is too large to be told. */
  pieces: z.int().min(0).max(piecesMax),
  packed: z
    .string()
    .max(pieceCharactersMax)
    .regex(/^[A-Za-z0-9+/=]*$/, "base64"),
});
export type ForeignGroupTold = z.infer<typeof foreignGroupSchema>;
