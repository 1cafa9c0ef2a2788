import { z } from "zod";
import { type AttachmentAnswer, attachmentAnswerSchema } from "../../core/api/restore/attach.ts";
import { type DiskAddress, socketAddresses } from "../render/attachment.ts";

export const addressSchema = z.object({ disk: z.int().min(0), sizeBytes: z.int().min(0), uri: z.string() });

/** An attachment, with its disks' addresses as NBD's tools take them. */
export const attachmentDocument = attachmentAnswerSchema.extend({ addresses: z.array(addressSchema) });

export const attachmentLine = (
  attachment: AttachmentAnswer,
  more: readonly DiskAddress[] = [],
): z.input<typeof attachmentDocument> => ({
  ...attachment,
  addresses: [...(attachment.attached === null ? [] : socketAddresses(attachment.attached)), ...more],
});
