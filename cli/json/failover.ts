import { z } from "zod";
import { failoverAnswerSchema } from "../../core/api/failover/answer.ts";
import { failoverPreviewSchema } from "../../core/api/failover/preview.ts";

export const failoverDocument = failoverAnswerSchema;

const asked = [z.strictObject({ id: z.string() }), z.object({ changed: z.null() })] as const;

/** What was said to it came to this; interrupted, only its id is known. */
export const failoverOrId = z.union([failoverDocument, ...asked]);

/** What it would do, and the failover that was begun. Null: only looked at. */
export const failoverBegun = z.union([
  z.object({
    preview: failoverPreviewSchema.omit({ confirmation: true, until: true }),
    failover: failoverDocument.nullable(),
  }),
  failoverDocument,
  ...asked,
]);
