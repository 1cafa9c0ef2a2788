import { z } from "zod";
import { groupIdSchema, planIdSchema, siteIdSchema, storageIdSchema } from "../../core/api/ids.ts";
import { geometrySchema } from "../../core/api/object.ts";

/**
 * PROTOCOL, version 1: how a gateway writes a snapshot to a mirror volume of another site. HTTP/1.1 over mutual TLS 1.3,
 * several connections, each request to any gateway of the target site: none of them remembers anything that another
 * could not find out from the storage.
 *
 *     POST /v1/sessions                              begin, or go on; raises the volume's epoch
 *     PUT  /v1/sessions/{volume}/extents/{k}?epoch=n&base=0|1
 *                                                    write an extent: frames (frame.ts) as body
 *     POST /v1/sessions/{volume}/complete?epoch=n    every extent that differs was acknowledged
 *     GET  /v1/health                                is somebody there
 *
 * - Who may: the sender's site, as its certificate names it, must be the owner of the mirror. Nothing in a body or an
 *   address counts.
 * - Beginning sets the mirror back to the base group (or to nothing), unless it is being written for this group and base
 *   already; the answer lists the extents that are done. Whoever began before is FENCED from then on.
 * - The frames of an extent change what the mirror has (`base=1`), or an extent of zeros (`base=0`). The last frame holds
 *   the extent's digest: SHA-256 over the little-endian xxh64 hashes of its blocks of 64 KiB. The receiver writes, reads
 *   back, and commits durably only if what it read back has that digest; then it answers 200 with the digest. Everything
 *   else leaves the extent as it was. The end of a body means nothing without that frame.
 * - After CHECKSUM_MISMATCH the sender sends the extent in full (`base=0`), which also heals a mirror whose base was not what
 *   the source took it for.
 * - Every request may be sent again. Errors are `{error: {code, message, hint}}` with the codes of core/api/errors.ts.
 */
export const sessionOpenSchema = z.strictObject({
  planId: planIdSchema,
  /** The protected site: with the plan, the mirror's owner. */
  source: siteIdSchema,
  mirrorVolumeId: storageIdSchema,
  groupId: groupIdSchema,
  sequence: z.int().min(1),
  baseGroupId: groupIdSchema.nullable(),
  sizeBytes: z.int().positive(),
  geometry: geometrySchema,
});
export type SessionOpen = z.infer<typeof sessionOpenSchema>;

export const sessionSchema = z.object({
  epoch: z.int().min(0),
  /** Extents that were committed for this group before, as ranges that include both ends. */
  done: z.array(z.tuple([z.int().min(0), z.int().min(0)])),
  complete: z.boolean(),
});
export type Session = z.infer<typeof sessionSchema>;

export const extentAnswerSchema = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) });
export type ExtentAnswer = z.infer<typeof extentAnswerSchema>;

/** Of the query: epochs and flags are decimal. */
export const epochQuerySchema = z.coerce.number().pipe(z.int().min(0));
export const extentQuerySchema = z.object({
  extent: z.coerce.number().pipe(z.int().min(0)),
  epoch: epochQuerySchema,
  base: z.enum(["0", "1"]),
});

export const paths = {
  sessions: "/v1/sessions",
  extent: (options: {
    readonly mirrorVolumeId: string;
    readonly extent: number;
    readonly epoch: number;
    readonly from: "base" | "zeros";
  }): string =>
    `/v1/sessions/${encodeURIComponent(options.mirrorVolumeId)}/extents/${options.extent}` +
    `?epoch=${options.epoch}&base=${options.from === "base" ? 1 : 0}`,
  complete: (mirrorVolumeId: string, epoch: number): string =>
    `/v1/sessions/${encodeURIComponent(mirrorVolumeId)}/complete?epoch=${epoch}`,
  health: "/v1/health",
} as const;
