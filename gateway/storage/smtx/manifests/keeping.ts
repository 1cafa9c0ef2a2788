import type { StorageCall } from "../../call.ts";
import type { Owner } from "../../control.ts";
import type { SnapshotMember } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import type { TakenMembers } from "../groups/source-groups.ts";
import type { HeldLun } from "../held-lun.ts";
import type { LongCall } from "../ledger/long-changes.ts";
import { keptGroupsOf, type ManifestSheet } from "./kept-groups.ts";
import { listAreas, manifestArea, manifestWish, withManifestLun } from "./manifest-lun.ts";
import { findManifestLun, type ManifestLun } from "./rows.ts";
import { type Area, readSheet, writeSheet } from "./sheet.ts";

type Parts = Pick<ClusterContext, "hands" | "ledger" | "initiator" | "time">;

interface TakenWithManifest extends TakenMembers {
  /** Undefined: the group has none. */
  readonly manifestLun: ManifestLun | undefined;
}

/**
 * Writes a group's manifest to its plan's LUN, and has that snapshotted with what the group
 * consists of. Nobody else writes the LUN meanwhile.
 */
export const withManifest = async (
  context: Parts,
  { owner, sheet }: { readonly owner: Owner; readonly sheet: ManifestSheet | undefined },
  take: (others: readonly SnapshotMember[]) => Promise<TakenMembers>,
  call: LongCall,
): Promise<TakenWithManifest> => {
  if (sheet === undefined) return { ...(await take([])), manifestLun: undefined };
  const manifestLun = await context.hands.makeLun(manifestWish(owner), call);
  const { lun, zbsVolumeId } = manifestLun;
  const taken = await withManifestLun(context, manifestLun, (device) =>
    device.exclusively(async () => {
      // One who was given up must not write over what another is about to snapshot.
      await call.confirm();
      await writeSheet(device, manifestArea, { number: 1, text: JSON.stringify(sheet) }, call);
      return take([{ lun, zbsVolumeId }]);
    }, call),
  );
  return { ...taken, manifestLun };
};

/**
 * Writes down on the cluster, beside the manifests, what each of a plan's groups consists of: the
 * records may get lost. To be called when a group is in the records.
 */
export const listGroupsOnCluster = async (context: Parts, owner: Owner, call?: StorageCall): Promise<void> => {
  const { ledger } = context;
  const lun = await ledger.read((database) => findManifestLun(database, owner), call);
  if (lun === undefined) return;
  await withManifestLun(context, lun, (device) =>
    device.exclusively(async () => {
      const [first, second] = listAreas;
      // Of one that was written in part the head may be whole.
      const numbers = [await numberOf(device, first, call), await numberOf(device, second, call)] as const;
      const area = numbers[0] <= numbers[1] ? first : second;
      // What others have published is in the records by now.
      const list = await ledger.read((database) => keptGroupsOf(database, owner), call);
      await writeSheet(device, area, { number: Math.max(...numbers) + 1, text: JSON.stringify(list) }, call);
    }, call),
  );
};

const numberOf = async (device: HeldLun, area: Area, call: StorageCall | undefined): Promise<number> =>
  (await readSheet(device, area, call))?.number ?? 0;
