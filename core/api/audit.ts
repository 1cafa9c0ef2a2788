import { z } from "zod";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "./ids.ts";

/** Whose request changed something. */
export const actorSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("token"), id: z.string(), name: z.string() }),
  z.object({ kind: z.literal("gateway"), siteId: siteIdSchema, gatewayId: gatewayIdSchema }),
]);
export type Actor = z.infer<typeof actorSchema>;

/** One change that somebody asked for and got. */
export const auditEntrySchema = z.object({
  at: instantSchema,
  actor: actorSchema,
  method: z.string(),
  /** With the names and ids that were asked for. */
  path: z.string(),
  /** What was sent along; absent when it is long, or a gateway's. */
  request: z.unknown().optional(),
  requestId: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
