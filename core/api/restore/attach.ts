import { z } from "zod";
import { gatewayIdSchema, groupIdSchema, instantSchema, planNameSchema, runIdSchema, siteIdSchema } from "../ids.ts";
import { nameSchema, objectKindSchema, objectVolumesMax, textSchema } from "../object/common.ts";
import { endpointSchema } from "../site.ts";

/** How long an attachment lasts; all of them end. */
export const attachSeconds = { min: 60, usual: 4 * 3600, max: 7 * 24 * 3600 } as const;

/** A gateway serves so many at once: each has snapshots open, and buffers for its clients. */
export const attachmentsPerGateway = 8;

/** One certificate in PEM, and nothing else. */
export const certificateSchema = z
  .string()
  .max(8192)
  .regex(/^-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*$/, "a certificate in PEM");

/**
 * Where it listens besides its socket: with TLS, for who has a certificate of this authority, which
 * was made for the attachment.
 */
export const attachListenSchema = z.strictObject({
  /** An address of the gateway's host, or its name. */
  host: z.string().regex(/^[0-9A-Za-z.:-]{1,253}$/, "an address or a name of the gateway's host"),
  /** 0: any that is free. */
  port: z.int().min(0).max(65_535),
  clientAuthority: certificateSchema,
});
export type AttachListen = z.infer<typeof attachListenSchema>;

const diskSchema = z
  .int()
  .min(0)
  .max(objectVolumesMax - 1);

/** To have the disks of an object of a group as NBD exports at the site that has it. */
export const attachCreateSchema = z.strictObject({
  type: z.literal("attach"),
  groupId: groupIdSchema,
  /** The site that has the group, whose gateway serves it. */
  siteId: siteIdSchema,
  /** By what it was called or had as an id when the group was taken. */
  object: z.string().min(1).max(1024),
  /** Of a VM, by its place among the disks. Absent: all that it has. */
  disk: diskSchema.optional(),
  forSeconds: z.int().min(attachSeconds.min).max(attachSeconds.max).default(attachSeconds.usual),
  /** Clients may write: into an overlay of the gateway's, which is thrown away at the end. */
  writable: z.boolean().default(false),
  listen: attachListenSchema.optional(),
});

/** What the serving gateway is told of an attachment, besides what it reads. */
export const attachTermsSchema = z.object({
  disk: diskSchema.optional(),
  until: instantSchema,
  writable: z.boolean(),
  listen: z.object(attachListenSchema.shape).optional(),
});
export type AttachTerms = z.infer<typeof attachTermsSchema>;

/** A disk as its clients ask for it. */
const exportedSchema = z.object({ name: nameSchema.min(1), disk: diskSchema, sizeBytes: z.int().min(0) });

/** Where a gateway serves an attachment. */
export const attachedSchema = z.object({
  /** Who serves it since later is who serves it now. */
  since: instantSchema,
  /** What the gateway's host is called. */
  host: textSchema,
  /** A path on that host. */
  socket: z.string().regex(/^\/[ -~]{1,107}$/),
  /** And by TLS, by who trusts this authority, which was made for the attachment. */
  tls: z.object({ endpoint: endpointSchema, authority: certificateSchema }).optional(),
  exports: z.array(exportedSchema).min(1).max(objectVolumesMax),
});
export type Attached = z.infer<typeof attachedSchema>;

/** An attachment that goes on, as it is known of a site. */
export const attachmentSchema = z.object({
  runId: runIdSchema,
  siteId: siteIdSchema,
  groupId: groupIdSchema,
  planName: planNameSchema,
  object: z.object({ kind: objectKindSchema, name: nameSchema }),
  disk: diskSchema.optional(),
  writable: z.boolean(),
  /** What the token is called with which it was asked for. */
  by: textSchema,
  since: instantSchema,
  until: instantSchema,
  /** Null: no gateway serves it yet. */
  attached: attachedSchema.extend({ gatewayId: gatewayIdSchema }).nullable(),
});
export type Attachment = z.infer<typeof attachmentSchema>;

/** The same for a person. */
export const attachmentAnswerSchema = attachmentSchema.extend({
  /** What clients have read, as far as the gateway has told. */
  bytesRead: z.int().min(0),
});
export type AttachmentAnswer = z.infer<typeof attachmentAnswerSchema>;
