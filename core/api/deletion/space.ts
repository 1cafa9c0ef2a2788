import { z } from "zod";
import { siteIdSchema } from "../ids.ts";

/**
 * What deleting gives back, as its site says: bytes on its disk that nothing else refers to.
 * `at-most`: what is shared with others was not looked through to its end.
 */
export const spaceSchema = z.object({ bytes: z.int().min(0), is: z.enum(["exact", "at-most"]) });
export type Space = z.infer<typeof spaceSchema>;

/** Made by the control plane; random, so that nobody guesses one. */
export const spaceQuestionIdSchema = z.string().regex(/^[0-9a-f]{32}$/, "the question's id, of the preview");

/**
 * What a site was asked, and has answered. `unknown`: its storage can't tell, or could not now.
 * `asked`: nothing yet.
 */
export const spaceAnswerSchema = z.object({
  siteId: siteIdSchema,
  state: z.enum(["asked", "told", "unknown"]),
  space: spaceSchema.optional(),
});
export type SpaceAnswer = z.infer<typeof spaceAnswerSchema>;
