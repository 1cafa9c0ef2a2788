import { VisibleError } from "../../../../core/api/errors.ts";
import type { Instant } from "../../../../core/api/ids.ts";
import type { StorageCall } from "../../call.ts";
import type { SnapshotGroup, SnapshotGroupOptions } from "../../control.ts";
import { findGroup, snapshotGroup } from "../../extentstore/cluster/snapshots.ts";
import { abilitiesOf } from "../abilities/abilities.ts";
import type { SnapshotMember, TakenTogether } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import { ourName, ownerTag } from "../names.ts";
import { changeCluster } from "../records/changing.ts";
import { beginTaking, endTaking } from "./begun.ts";
import { type Member, putApart, putInstant, putTaken, toTake } from "./taken.ts";

/** A group of the source's, taken by the cluster while no other change of it is under way. */
export const takeSourceGroup = async (
  context: ClusterContext,
  options: SnapshotGroupOptions,
  call?: StorageCall,
): Promise<SnapshotGroup> => {
  const { groupId, owner } = options;
  const name = ourName("group", ownerTag(owner), groupId);
  await changeCluster(
    context,
    {
      plan: (database) => {
        snapshotGroup(database, { ...options, takenAt: instantNow() });
        return toTake(database, groupId);
      },
      realize: (members, watch) => takeMembers(context, { name, members }, watch),
      finish: (database, members, { taken, takenAt, apartMs }) => {
        endTaking(database, name);
        if (members.length === 0) return;
        putTaken(database, members, taken);
        putApart(database, groupId, apartMs);
        putInstant(database, groupId, takenAt);
      },
    },
    call,
  );
  const group = await context.ledger.read((database) => findGroup(database, groupId), call);
  if (group !== undefined) return group;
  throw new VisibleError("SNAPSHOT_UNKNOWN", `The group ${groupId} was deleted as soon as it was taken.`, {
    hint: "See in the audit trail who did.",
  });
};

export interface TakenMembers extends TakenTogether {
  /** A moment before. */
  readonly takenAt: Instant;
}

/**
 * @param of.others what is snapshotted with them, the last, and is no volume in the records
 * @param of.areStill nobody writes them meanwhile
 */
export const takeMembers = async (
  { hands, ledger }: ClusterContext,
  {
    name,
    members,
    others = [],
    areStill = false,
  }: {
    readonly name: string;
    readonly members: readonly Member[];
    readonly others?: readonly SnapshotMember[];
    readonly areStill?: boolean;
  },
  call: StorageCall,
): Promise<TakenMembers> => {
  const takenAt = instantNow();
  if (members.length + others.length === 0) return { taken: new Map(), apartMs: 0, takenAt };
  const { isNew, groupsTakeVolumes } = await ledger.change(
    (database) => ({ ...abilitiesOf(database), isNew: beginTaking(database, name) }),
    call,
  );
  const wanted = members.map((member) => ({
    zbsVolumeId: member.zbsVolumeId ?? unreadable(member.volumeId),
    lun: member.lun ?? undefined,
    vmVolume: member.vmVolume ?? undefined,
  }));
  const wish = { name, members: [...wanted, ...others], isNew, areStill, groupsTakeVolumes: groupsTakeVolumes.answer };
  return { ...(await hands.snapshotTogether(wish, call)), takenAt };
};

const instantNow = (): Instant => new Date().toISOString() as Instant;

const unreadable = (volumeId: string): never => {
  throw new VisibleError(
    "OBJECT_KIND_UNSUPPORTED",
    `The cluster does not say in which LUN ${volumeId} lies, or which volume it is.`,
    {
      hint: "Take its object out of the plan, and see what gateway check says of CloudTower and SSH.",
    },
  );
};
