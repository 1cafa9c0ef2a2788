import { z } from "zod";
import { groupIdSchema, instantSchema, planIdSchema, siteIdSchema } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import { newestPublished } from "../../extentstore/cluster/order.ts";
import type { Database } from "../../extentstore/database/database.ts";

/*
 * What lies in a plan's LUN, from which the records of its groups can be made again. Everything
 * here runs inside the caller's transaction.
 */

const count = z.int().min(0);
const snapshotSchema = z.object({ snapshot: z.string(), zbsVolumeId: z.string() });

const memberSchema = snapshotSchema.extend({
  id: z.string(),
  volumeId: z.string(),
  sourceVolumeId: z.string(),
  sizeBytes: count,
  extentBytes: count,
  stripeCount: count,
  stripeBytes: count,
});
export type KeptMember = z.infer<typeof memberSchema>;

const listedGroupSchema = z.object({
  groupId: groupIdSchema,
  takenAt: instantSchema,
  sequence: count,
  /** Of the plan's LUN. */
  manifest: snapshotSchema,
  members: z.array(memberSchema),
});
export type KeptPublished = z.infer<typeof listedGroupSchema>;

/** Of a plan's published groups; what has been deleted since may be in it still. */
export const keptGroupsSchema = z.object({
  planId: planIdSchema,
  source: siteIdSchema,
  planName: z.string(),
  /** The highest that was published, also of what has been deleted. */
  newestSequence: count,
  groups: z.array(listedGroupSchema),
});
export type KeptGroups = z.infer<typeof keptGroupsSchema>;

export const manifestSheetSchema = z.object({
  groupId: groupIdSchema,
  planId: planIdSchema,
  source: siteIdSchema,
  /** JSON, byte for byte as it was signed. */
  manifest: z.string(),
  /** JSON; null: nobody has signed it. */
  proof: z.string().nullable(),
});
export type ManifestSheet = z.infer<typeof manifestSheetSchema>;

/** Undefined: the group is not a plan's, but a restore's, and lasts no longer. */
export const manifestSheetOf = (database: Database, groupId: string): ManifestSheet | undefined =>
  database.one<ManifestSheet>(
    `SELECT id AS groupId, planId, source, manifest, proof FROM snapshotGroups g WHERE id = ? AND manifest IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM restoreOwners o WHERE o.planId = g.planId AND o.source = g.source)`,
    groupId,
  );

export const keptGroupsOf = (database: Database, { planId, source }: Owner): KeptGroups => {
  const owner = [planId, source] as const;
  const plan = database.one<{ planName: string }>(
    "SELECT planName FROM foreignPlans WHERE planId = ? AND source = ?",
    ...owner,
  );
  const groups = database.all<Omit<KeptPublished, "manifest" | "members"> & z.infer<typeof snapshotSchema>>(
    `SELECT groupId, takenAt, sequence, snapshot, zbsVolumeId FROM snapshotGroups JOIN manifestsOfGroups ON groupId = id
     WHERE planId = ? AND source = ? ORDER BY sequence DESC`,
    ...owner,
  );
  return {
    planId,
    source,
    planName: plan?.planName ?? "",
    newestSequence: newestPublished(database, { planId, source }),
    groups: groups.map(({ snapshot, zbsVolumeId, ...group }) => ({
      ...group,
      manifest: { snapshot, zbsVolumeId },
      members: membersOf(database, group.groupId),
    })),
  };
};

const membersOf = (database: Database, groupId: string): KeptMember[] =>
  database.all<KeptMember>(
    `SELECT s.id, s.volumeId, sourceVolumeId, s.sizeBytes, extentBytes, stripeCount, stripeBytes, snapshot,
       zbsVolumeId
     FROM snapshots s JOIN snapshotsOfTables USING (tableId) WHERE groupId = ? ORDER BY s.number`,
    groupId,
  );
