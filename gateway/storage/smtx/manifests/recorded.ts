import type { GroupId } from "../../../../core/api/ids.ts";
import { rememberPlan } from "../../extentstore/cluster/foreign-plans.ts";
import { rememberRelease } from "../../extentstore/cluster/order.ts";
import { createTable } from "../../extentstore/data/versions.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { putSnapshot } from "../records/luns.ts";
import type { KeptGroups, KeptMember, KeptPublished, ManifestSheet } from "./kept-groups.ts";
import { type ManifestLun, putManifestLun, putManifestSnapshot } from "./rows.ts";

/*
 * Records of published groups, made again of what lies on the cluster. Everything here runs inside
 * the caller's transaction.
 */

export const isRecorded = (database: Database, groupId: GroupId): boolean =>
  database.one("SELECT 1 FROM snapshotGroups WHERE id = ?", groupId) !== undefined;

export const putGroup = (
  database: Database,
  { planId, source }: KeptGroups,
  { groupId, takenAt, sequence, manifest, members }: KeptPublished,
  sheet: ManifestSheet,
): void => {
  if (isRecorded(database, groupId)) return;
  database.run(
    `INSERT INTO snapshotGroups (id, planId, source, takenAt, sequence, manifest, proof) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    groupId,
    planId,
    source,
    takenAt,
    sequence,
    sheet.manifest,
    sheet.proof,
  );
  putManifestSnapshot(database, groupId, manifest);
  for (const member of members) putMember(database, groupId, member);
};

const putMember = (database: Database, groupId: GroupId, member: KeptMember): void => {
  const { id, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount, stripeBytes } = member;
  const tableId = createTable(database);
  putSnapshot(database, tableId, member);
  database.run(
    `INSERT INTO snapshots (id, groupId, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount, stripeBytes,
       tableId) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    groupId,
    volumeId,
    sourceVolumeId,
    sizeBytes,
    extentBytes,
    stripeCount,
    stripeBytes,
    tableId,
  );
};

/** Its mirrors are lost: the next run makes others, and none that came before it. */
export const putPlan = (
  database: Database,
  { planId, source, planName, newestSequence, groups }: KeptGroups,
  lun: ManifestLun,
): void => {
  const isAnyThere = groups.some(({ groupId }) => isRecorded(database, groupId));
  if (isAnyThere) putManifestLun(database, { planId, source }, lun);
  rememberPlan(database, { planId, source }, planName);
  rememberRelease(database, { planId, source }, newestSequence);
};
