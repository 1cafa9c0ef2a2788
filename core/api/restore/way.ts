import { z } from "zod";

/**
 * How a site would make an object again of a restore point, as far as it can tell beforehand:
 * - `snapshot`: it becomes what the snapshot has, whose content it shares;
 * - `clone`: of a clone of the snapshot;
 * - `copy`: byte by byte;
 * - `none`: the site can't make it again, only give its content.
 */
const rebuildHowSchema = z.enum(["snapshot", "clone", "copy", "none"]);

export const rebuildWaySchema = z.object({
  how: rebuildHowSchema,
  /** How long that takes, 0 for at once. Null: nobody knows. */
  seconds: z.int().min(0).nullable(),
});
export type RebuildWay = z.infer<typeof rebuildWaySchema>;

/** Of all objects of a restore point that would be made alike. */
export const rebuildOutlookSchema = z
  .array(rebuildWaySchema.extend({ objects: z.int().min(1) }))
  .max(rebuildHowSchema.options.length);
export type RebuildOutlook = z.infer<typeof rebuildOutlookSchema>;

/** One after another: what one of a kind takes nobody knows, all take nobody knows how long. */
export const outlookOf = (ways: readonly RebuildWay[]): RebuildOutlook =>
  rebuildHowSchema.options.flatMap((how) => {
    const alike = ways.filter((way) => way.how === how);
    if (alike.length === 0) return [];
    const known = alike.flatMap(({ seconds }) => seconds ?? []);
    const sum = known.reduce((total, seconds) => total + seconds, 0);
    return [{ how, seconds: known.length < alike.length ? null : sum, objects: alike.length }];
  });
