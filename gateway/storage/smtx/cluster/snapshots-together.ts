import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import {
  deleteConsistencyGroup,
  deleteGroupSnapshot,
  ensureConsistencyGroup,
  ensureGroupSnapshot,
} from "../cloud-tower/nouns/consistency-groups.ts";
import { findLunSnapshots, findLunSnapshotsByVolume } from "../cloud-tower/nouns/lun-snapshots.ts";
import { digestOf } from "../names.ts";
import { snapshotsOf, snapshotTogether } from "../ssh/snapshots.ts";
import type { SnapshotMember, TakenSnapshot } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { refOfZbs } from "./snapshot-refs.ts";

interface Together {
  readonly name: string;
  readonly members: readonly SnapshotMember[];
}
type TakenByVolume = ReadonlyMap<string, TakenSnapshot>;

/**
 * Snapshots at one instant. The nodes' command line takes whatever there is; CloudTower takes LUNs,
 * by a consistency group that lives for the snapshot only: a LUN can be in one at most, and which
 * is the customer's to choose.
 * @throws OBJECT_KIND_UNSUPPORTED where neither can
 */
export const snapshotsTogether = (of: TowerHandsOptions, wish: Together, call: StorageCall): Promise<TakenByVolume> => {
  const { ssh } = of;
  if (ssh !== undefined) return byCommandLine({ ...of, ssh }, wish, call);
  const withoutLun = wish.members.find(({ lun }) => lun === undefined);
  if (withoutLun === undefined) return byConsistencyGroup(of, wish, call);
  throw new VisibleError(
    "OBJECT_KIND_UNSUPPORTED",
    `CloudTower can't snapshot ${withoutLun.zbsVolumeId} together with the others: it is no LUN that it knows.`,
    { hint: "Let the gateway use the nodes' command line: storage.ssh in its configuration." },
  );
};

const byCommandLine = async (
  { ssh, tower, clusterId }: TowerHandsOptions & { readonly ssh: NonNullable<TowerHandsOptions["ssh"]> },
  { name, members }: Together,
  call: StorageCall,
): Promise<TakenByVolume> => {
  const named = members.map(({ zbsVolumeId }) => ({ zbsVolumeId, name: `${name}.${digestOf(zbsVolumeId)}` }));
  const [first] = named;
  const known = first === undefined ? new Map<string, string>() : await snapshotsOf(ssh, first.zbsVolumeId, call);
  const made = first !== undefined && known.has(first.name) ? await allOf(ssh, named, call) : undefined;
  const ids = made ?? (await snapshotTogether(ssh, named, call));
  const zbsVolumeIds = [...ids.values()];
  const inTower = await findLunSnapshotsByVolume(tower, { clusterId, zbsVolumeIds }, call);
  const towerIds = new Map(inTower.map(({ id, zbsVolumeId }) => [zbsVolumeId, id]));
  return new Map(
    named.map(({ zbsVolumeId, name: snapshotName }) => {
      const id = ids.get(snapshotName) ?? "";
      return [zbsVolumeId, { snapshot: towerIds.get(id) ?? refOfZbs(id), zbsVolumeId: id }];
    }),
  );
};

/** Those of a call whose answer was lost: all were made, or none. */
const allOf = async (
  ssh: NonNullable<TowerHandsOptions["ssh"]>,
  named: readonly { readonly zbsVolumeId: string; readonly name: string }[],
  call: StorageCall,
): Promise<ReadonlyMap<string, string> | undefined> => {
  const found = new Map<string, string>();
  for (const { zbsVolumeId, name } of named) {
    const id = (await snapshotsOf(ssh, zbsVolumeId, call)).get(name);
    if (id === undefined) return undefined;
    found.set(name, id);
  }
  return found;
};

const byConsistencyGroup = async (
  { tower, clusterId }: TowerHandsOptions,
  { name, members }: Together,
  call: StorageCall,
): Promise<TakenByVolume> => {
  const lunIds = members.flatMap(({ lun }) => lun ?? []);
  const group = await ensureConsistencyGroup(tower, { clusterId, name, lunIds }, call);
  try {
    const groupSnapshot = await ensureGroupSnapshot(tower, { groupId: group.id, name }, call);
    const taken = await findLunSnapshots(
      tower,
      groupSnapshot.lunSnapshots.map(({ id }) => id),
      call,
    );
    const byLun = new Map([...taken.values()].map((one) => [one.lun?.id, one]));
    // What it took stays, as snapshots of the LUNs.
    await deleteGroupSnapshot(tower, groupSnapshot.id, { withLunSnapshots: false }, call);
    return new Map(
      members.map(({ lun, zbsVolumeId }) => {
        const one = byLun.get(lun) ?? notTaken(zbsVolumeId);
        return [zbsVolumeId, { snapshot: one.id, zbsVolumeId: one.zbsVolumeId }];
      }),
    );
  } finally {
    await deleteConsistencyGroup(tower, group.id, call);
  }
};

const notTaken = (zbsVolumeId: string): never => {
  throw new VisibleError("CLUSTER_TASK_FAILED", `The cluster took no snapshot of ${zbsVolumeId} with the others.`, {
    hint: "It will be tried again. If it goes on, see CloudTower's task list.",
  });
};
