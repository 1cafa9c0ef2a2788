import { z } from "zod";
import { groupIdSchema, planIdSchema, siteIdSchema, storageIdSchema } from "../../core/api/ids.ts";
import { fewExtents, geometrySchema, hasFewExtents } from "../../core/api/object/volume-shape.ts";
import { asBuffer } from "../storage/block-hash.ts";
import { digestBytes } from "./frame/frame.ts";
import { countOf, rangesSchema } from "./ranges.ts";

/**
 * PROTOCOL, version 1: how a gateway writes a snapshot to a mirror volume of another site. HTTP/1.1
 * over mutual TLS 1.3, several connections, each request to any gateway of the target site: none of
 * them remembers anything that another could not find out from the storage.
 *
 *     POST /v1/sessions                              begin, or go on; raises the volume's epoch
 *     GET  /v1/sessions/{volume}/extents/{k}/signature?epoch=n
 *                                                    the hashes of the blocks that the mirror has
 *     POST /v1/sessions/{volume}/extents/{k}/signature?epoch=n
 *                                                    the hashes of the grains in some of them
 *     upload to /v1/sessions/{volume}/extents/{k}?epoch=n&base=0|1
 *                                                    write an extent: frames (frame/frame.ts);
 *                                                    see tunnel/upload/protocol.ts
 *     POST /v1/sessions/{volume}/complete?epoch=n    every extent that differs was acknowledged
 *     GET  /v1/sessions/{volume}/digests?epoch=n     the digests of the extents that the mirror has
 *     GET  /v1/health                                is somebody there
 *
 * - Who may: the site, as its certificate names it, that the control plane has granted this very
 *   volume to, for this very group and number. The receiving site hears of that with the task that
 *   prepares the mirror; nothing in a body or an address counts. Every request is judged by it.
 * - `source` is the site that the plan protects, half of the owner's tag. Who sends is another
 *   thing.
 * - Beginning sets the mirror back to the base group (or to nothing), unless it is being written
 *   for this group and base already; the answer lists the extents that are done, and those that the
 *   receiver knows to be damaged, which are sent in full whatever the base is. Those that somebody
 *   has begun in place, and not ended, are told in any case, if only by the last frame. Whoever
 *   began before is FENCED from then on, as is everybody once the group is published, aborted or
 *   overtaken.
 * - The frames of an extent change what the mirror has
 *   (`base=1`), or an extent of zeros (`base=0`). The last frame holds the extent's digest: BLAKE3
 *   over the hashes of its blocks of 64 KiB. The receiver writes, reads back, and commits durably
 *   only if what it read back has that digest; then it answers 200 with the digest. Everything else
 *   leaves the extent as it was. The end of a body means nothing without that frame.
 * - After CHECKSUM_MISMATCH, or STORE_CORRUPT at the receiver, the sender sends the
 *   extent in full (`base=0`), which also heals a mirror whose base was damaged or not
 *   what the source took it for.
 * - Completing compares the volume's digest (digest.ts) where both clusters keep digests;
 *   CHECKSUM_MISMATCH then, and the sender asks which extents it is about and sends those in full.
 *   What is known to be damaged has a digest of nothing.
 * - Extents and blocks are named by ranges that include both ends, ascend, and don't meet. Neither
 *   side takes a number that is not below the count of extents or blocks that it knows by itself.
 * - Every request may be sent again. Errors are `{error: {code, message, hint}}` with the codes of
 *   core/api/errors.ts; GROUP_STALE also has `newestSequence`.
 */
export const sessionOpenSchema = z
  .strictObject({
    planId: planIdSchema,
    /** The protected site: with the plan, the mirror's owner. */
    source: siteIdSchema,
    mirrorVolumeId: storageIdSchema,
    groupId: groupIdSchema,
    sequence: z.int().min(1),
    baseGroupId: groupIdSchema.nullable(),
    sizeBytes: z.int().positive(),
    geometry: geometrySchema,
  })
  .refine(hasFewExtents, fewExtents);
export type SessionOpen = z.infer<typeof sessionOpenSchema>;

/** Of a mirror of so many extents. */
export const sessionSchema = (extents: number) =>
  z.object({
    epoch: z.int().min(0),
    /** Extents that were committed for this group before. */
    done: rangesSchema(extents),
    /** Extents that are damaged here. Gateways of before don't tell. */
    damaged: rangesSchema(extents).default([]),
    /** Extents that were begun for this group, and not committed. Gateways of before don't tell. */
    begun: rangesSchema(extents).default([]),
    complete: z.boolean(),
  });
export type Session = z.infer<ReturnType<typeof sessionSchema>>;

const digestSchema = z.string().regex(/^[0-9a-f]{64}$/);
export const extentAnswerSchema = z.object({ digest: digestSchema });
export type ExtentAnswer = z.infer<typeof extentAnswerSchema>;

/** Hashes one behind the other, in base 64: so many bytes, neither more nor less. */
const hashesSchema = (bytes: number) =>
  z
    .string()
    .length(base64Characters(bytes))
    .transform((text) => new Uint8Array(Buffer.from(text, "base64")))
    .refine((hashes) => hashes.length === bytes, `${bytes} bytes in base 64`);
const base64Characters = (bytes: number): number => Math.ceil(bytes / 3) * 4;
export const hashesAnswerSchema = (bytes: number) => z.object({ hashes: hashesSchema(bytes) });
/** Of the mirror; null where its cluster keeps no digests; 32 bytes an extent, zeros for a hole. */
export const digestsAnswerSchema = (extents: number) =>
  z.object({ digests: hashesSchema(extents * digestBytes).nullable() });
export const toBase64 = (bytes: Uint8Array): string => asBuffer(bytes).toString("base64");

/**
 * Grains are asked for of so many blocks at once, at the most: all that an extent of ZBS has. It is
 * a quarter of a second of reading, and an answer of 700 KB.
 */
export const signatureBlocksMax = 4096;
/** Blocks of an extent that has `blockCount`. */
export const signatureBodySchema = (blockCount: number) =>
  z.strictObject({
    blocks: rangesSchema(blockCount)
      .refine((blocks) => blocks.length > 0, "some blocks")
      .refine((blocks) => countOf(blocks) <= signatureBlocksMax, `${signatureBlocksMax} blocks at the most`),
  });

/** Of the JSON of answers, what is read: white space, names, and errors. */
const answerBytes = 64 * 1024;
/** `[262143,262143],` for each extent: a storage names none in two lists. */
const rangeBytesMax = 16;
export const answerBytesMax = {
  session: (extents: number): number => answerBytes + extents * rangeBytesMax,
  hashes: (bytes: number): number => answerBytes + base64Characters(bytes),
  digests: (extents: number): number => answerBytes + base64Characters(extents * digestBytes),
} as const;

/** The volume's digest; null where the source's cluster keeps none. */
export const completeBodySchema = z.strictObject({ digest: digestSchema.nullable() });

/** Of the query: epochs and flags are decimal. */
export const epochQuerySchema = z.coerce.number().pipe(z.int().min(0));
export const extentQuerySchema = z.object({
  extent: z.coerce.number().pipe(z.int().min(0)),
  epoch: epochQuerySchema,
  base: z.enum(["0", "1"]),
});

export const signatureQuerySchema = extentQuerySchema.omit({ base: true });

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
  signature: (options: { readonly mirrorVolumeId: string; readonly extent: number; readonly epoch: number }): string =>
    `/v1/sessions/${encodeURIComponent(options.mirrorVolumeId)}/extents/${options.extent}/signature` +
    `?epoch=${options.epoch}`,
  digests: (mirrorVolumeId: string, epoch: number): string =>
    `/v1/sessions/${encodeURIComponent(mirrorVolumeId)}/digests?epoch=${epoch}`,
  complete: (mirrorVolumeId: string, epoch: number): string =>
    `/v1/sessions/${encodeURIComponent(mirrorVolumeId)}/complete?epoch=${epoch}`,
  health: "/v1/health",
} as const;
