import { z } from "zod";
import { sentenceSchema } from "./bounds.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "./ids.ts";
import { tokenSchema } from "./token.ts";

/** Whose request changed something. */
export const actorSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("token"), ...tokenSchema.pick({ id: true, name: true }).shape }),
  z.object({ kind: z.literal("gateway"), siteId: siteIdSchema, gatewayId: gatewayIdSchema }),
]);
export type Actor = z.infer<typeof actorSchema>;

/** One change that somebody asked for and got. */
export const auditEntrySchema = z.object({
  at: instantSchema,
  actor: actorSchema,
  method: z.string().max(32),
  /** With the names and ids that were asked for. */
  path: sentenceSchema,
  /** What was sent along; absent when it is long, or a gateway's. */
  request: z.unknown().optional(),
  requestId: z.string().max(255),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
