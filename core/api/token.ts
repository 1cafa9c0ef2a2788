import { z } from "zod";
import { instantSchema } from "./ids.ts";

/**
 * What a token may do. No scope contains another.
 * `read`: look at everything but tokens; `operate`: plans and runs;
 * `restore`: make objects from restore points; `delete`: delete plans, groups and mirrors;
 * `admin`: sites and tokens.
 */
export const scopeSchema = z.enum(["read", "operate", "restore", "delete", "admin"]);
export type Scope = z.infer<typeof scopeSchema>;

export const tokenIdSchema = z.string().regex(/^[0-9a-f]{12}$/, "the 12 hexadecimal digits in the middle of the token");

/** A secret with what it is found by. */
export const tokenTextSchema = z.string().max(200);

/** What is known of a bearer token, without its secret. */
export const tokenSchema = z.object({
  id: tokenIdSchema,
  /** For people: whose it is, and what for. */
  name: z.string().min(1).max(100),
  scopes: z.array(scopeSchema).min(1).max(scopeSchema.options.length),
  createdAt: instantSchema,
  /** From this instant on it is refused. Absent: never. */
  expiresAt: instantSchema.optional(),
});
export type Token = z.infer<typeof tokenSchema>;

export const tokenCreateSchema = z.strictObject({
  name: tokenSchema.shape.name,
  scopes: tokenSchema.shape.scopes,
  expiresAt: z.iso.datetime({ offset: true }).max(64).optional(),
});

/** The one time that the secret is shown: it is not stored. */
export const tokenCreatedSchema = tokenSchema.extend({ token: tokenTextSchema });
