import { z } from "zod";
import { standingSchema } from "../../core/api/foreign/answers.ts";
import { attachedSchema, attachmentSchema } from "../../core/api/restore/attach.ts";
import { addressSchema } from "./attachment.ts";

/** What a command serves itself, until it ends. */
export const foreignAttachmentDocument = attachmentSchema
  .pick({ siteId: true, groupId: true, planName: true, object: true, disk: true, writable: true, until: true })
  .extend({
    ...attachedSchema.pick({ since: true, host: true, socket: true }).shape,
    manifest: standingSchema,
    addresses: z.array(addressSchema),
  });
export type ForeignAttachment = z.input<typeof foreignAttachmentDocument>;
