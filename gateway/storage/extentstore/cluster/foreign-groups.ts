import { type KeptGroup, type ManifestProof, manifestProofSchema } from "../../../../core/api/foreign/proof.ts";
import type { GroupId, Instant } from "../../../../core/api/ids.ts";
import { jsonIn } from "../../../../core/api/json.ts";
import { manifestDigest, volumeSetOf } from "../../../../pki/manifest-proof.ts";
import type { ForeignGroup, Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";
import { snapshotsOf } from "./snapshots.ts";

interface PublishedRow extends Owner {
  readonly id: GroupId;
  readonly takenAt: Instant;
  readonly sequence: number;
  readonly manifest: string;
}

/** Inside the transaction that publishes the group. */
export const keepProof = (
  database: Database,
  groupId: GroupId,
  prove: ((group: KeptGroup) => ManifestProof | undefined) | undefined,
): void => {
  const row = database.one<PublishedRow>("SELECT * FROM snapshotGroups WHERE id = ?", groupId);
  const proof = row && prove?.(keptGroupOf(database, row));
  if (proof === undefined) return;
  database.run("UPDATE snapshotGroups SET proof = ? WHERE id = ?", JSON.stringify(proof), groupId);
};

/** The published groups but for restores', each plan's newest first. */
export const listForeignGroups = (database: Database): ForeignGroup[] =>
  database
    .all<PublishedRow & { readonly proof: string | null; readonly planName: string | null; readonly bytes: number }>(
      `SELECT g.id, g.planId, g.source, g.takenAt, g.sequence, g.manifest, g.proof, p.planName,
         (SELECT ifnull(sum(sizeBytes), 0) FROM snapshots s WHERE s.groupId = g.id) AS bytes
       FROM snapshotGroups g LEFT JOIN foreignPlans p ON p.planId = g.planId AND p.source = g.source
       WHERE g.manifest IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM restoreOwners o WHERE o.planId = g.planId AND o.source = g.source)
       ORDER BY g.planId, g.source, g.sequence DESC`,
    )
    .map((row) => ({
      group: keptGroupOf(database, row),
      sizeBytes: row.bytes,
      planName: row.planName ?? "",
      ...(row.proof !== null && { proof: proofIn(row.proof) }),
    }));

export const foreignManifest = (database: Database, groupId: GroupId): string | undefined =>
  database.one<{ manifest: string | null }>("SELECT manifest FROM snapshotGroups WHERE id = ?", groupId)?.manifest ??
  undefined;

const keptGroupOf = (database: Database, { id, planId, source, sequence, takenAt, manifest }: PublishedRow) => ({
  ...{ groupId: id, planId, source, sequence, takenAt },
  volumes: volumeSetOf(
    snapshotsOf(database, id).map(({ sourceVolumeId, volumeId }) => ({ sourceVolumeId, mirrorVolumeId: volumeId })),
  ),
  manifestSha256: manifestDigest(manifest),
});

/** What can't be read is a proof that holds of nothing, and not none. */
const unreadable: ManifestProof = { statement: "", signature: "", certificatePem: "" };

const proofIn = (text: string): ManifestProof => manifestProofSchema.safeParse(jsonIn(text)).data ?? unreadable;
