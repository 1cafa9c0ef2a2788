import { z } from "zod";
import { codeSchema, sentenceSchema } from "./bounds.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "./ids.ts";
import { gatewayNameSchema } from "./refused.ts";
import { tokenSchema } from "./token.ts";

/** Who asked for something. */
export const actorSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("token"), ...tokenSchema.pick({ id: true, name: true }).shape }),
  z.object({ kind: z.literal("gateway"), siteId: siteIdSchema, gatewayId: gatewayIdSchema }),
  /** Whoever could not show who he is. */
  z.object({ kind: z.literal("stranger") }),
]);
export type Actor = z.infer<typeof actorSchema>;

/** How often it was refused within a minute, and the code that the last of them was answered. */
export const refusedSchema = z.object({ code: codeSchema, times: z.int().positive() });

/** One change that somebody asked for and got, or what was refused to him within a minute. */
export const auditEntrySchema = z.object({
  /** Of refusals: of the last. */
  at: instantSchema,
  actor: actorSchema,
  /** `REPORT`: it came through the reports queue. `PEER`: to a gateway, from another site's. */
  method: sentenceSchema,
  /**
   * With the names and ids that were asked for; of a report its kind; of what a gateway refused its
   * peers, where: `SITE/GATEWAY`.
   */
  path: sentenceSchema,
  /** What was sent along; absent when it is long, or a gateway's. */
  request: z.unknown().optional(),
  requestId: z.string().max(255),
  /** Absent: he got it. */
  refused: refusedSchema.optional(),
  /**
   * The gateway on whose word alone this stands: it says that it has refused this to the actor.
   * Absent: the control plane has seen it itself.
   */
  seenBy: gatewayNameSchema.optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
