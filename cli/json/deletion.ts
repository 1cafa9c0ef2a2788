import { z } from "zod";
import { type DeletionPreview, deletionPreviewSchema } from "../../core/api/deletion/preview.ts";
import { type SpaceAnswer, spaceAnswerSchema } from "../../core/api/deletion/space.ts";
import { instantSchema } from "../../core/api/ids.ts";
import { runDocument } from "./run.ts";

const goingSchema = deletionPreviewSchema.shape.sites.element.omit({ spaceQuestion: true }).extend({
  /** As the site says. Absent: it did not. */
  space: spaceAnswerSchema.shape.space,
});

/** What would go, site by site. */
export const goingDocument = deletionPreviewSchema
  .pick({ planId: true, planName: true, plan: true, notes: true })
  .extend({ sites: z.array(goingSchema) });

/** What was deleted, or would be, and the run that does it. Null: nothing was begun. */
export const deletionDocument = z.object({ going: goingDocument, run: z.string().nullable() });

/** Followed to its end, it is the run. */
export const deletionOrRun = z.union([
  deletionDocument,
  runDocument,
  z.strictObject({ id: z.string() }),
  z.object({ deleted: z.null() }),
]);

export const shownGoing = (
  { planId, planName, plan, notes, sites }: DeletionPreview,
  spaces: readonly SpaceAnswer[],
): z.input<typeof goingDocument> => ({
  ...{ planId, planName, plan, notes },
  sites: sites.map(({ spaceQuestion: _, ...site }) => {
    const space = spaces.find(({ siteId }) => siteId === site.siteId)?.space;
    return { ...site, ...(space && { space }) };
  }),
});

/** A line of `mirror list`. */
export const leftOverDocument = z.object({
  site: z.string(),
  planId: z.string(),
  planName: z.string(),
  why: z.enum(["plan-deleted", "no-target", "plan-unknown", "needed"]),
  groups: z.int().min(0),
  newestTakenAt: instantSchema.optional(),
  mirrors: z.int().min(0),
  sizeBytes: z.int().min(0),
});
