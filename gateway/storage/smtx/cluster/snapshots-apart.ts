import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import {
  deleteConsistencyGroup,
  deleteGroupSnapshot,
  ensureConsistencyGroup,
  ensureGroupSnapshot,
  type TowerConsistencyGroup,
} from "../cloud-tower/nouns/consistency-groups.ts";
import {
  ensureLunSnapshot,
  findLunSnapshotNamed,
  findLunSnapshots,
  type TowerLunSnapshot,
} from "../cloud-tower/nouns/lun-snapshots.ts";
import { findLun } from "../cloud-tower/nouns/luns.ts";
import { ensureVmVolumeSnapshot } from "../cloud-tower/nouns/vm-volume-snapshots.ts";
import { digestOf } from "../names.ts";
import type { SnapshotMember, TakenTogether, TogetherWish } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";

/** A member whose LUN CloudTower knows. */
export type LunMember = SnapshotMember & { readonly lun: string };

type Tower = TowerHandsOptions["tower"];
type Taken = readonly [member: LunMember, snapshot: TowerLunSnapshot];

/** So many are asked for at once, where each is by itself. */
const atOnceMax = 8;

/**
 * As close together as CloudTower alone can: in a consistency group, which lives for the snapshot
 * only, what it lets into one, and the rest one by one. A LUN is in one group at most, and which is
 * the customer's to choose.
 */
export const snapshotsByTower = async (
  { tower, clusterId }: TowerHandsOptions,
  { name, groupsTakeVolumes, members }: Omit<TogetherWish, "members"> & { readonly members: readonly LunMember[] },
  call: StorageCall,
): Promise<TakenTogether> => {
  const luns = members.filter(({ vmVolume }) => vmVolume === undefined);
  const isMixed = luns.length < members.length;
  const tries = isMixed && groupsTakeVolumes !== "no" ? [members, luns] : [luns];
  for (const together of tries) {
    const single = members.filter((member) => !together.includes(member));
    if (together.length === 0) continue;
    const group = await groupOf(tower, { clusterId, name, lunIds: together.map(({ lun }) => lun) }, call);
    if (group === undefined) continue;
    try {
      return await takeAll(tower, { clusterId, name, group, together, single }, call);
    } finally {
      await deleteConsistencyGroup(tower, group.id, call);
    }
  }
  return takeAll(tower, { clusterId, name, group: undefined, together: [], single: members }, call);
};

/** Undefined: the cluster lets them into none. It is asked twice: it may have been busy. */
const groupOf = async (
  tower: Tower,
  wanted: Parameters<typeof ensureConsistencyGroup>[1],
  call: StorageCall,
): Promise<TowerConsistencyGroup | undefined> => {
  for (let tries = 1; tries <= 2; tries++) {
    try {
      return await ensureConsistencyGroup(tower, wanted, call);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!VisibleError.is(error, "CLUSTER_TASK_FAILED")) throw error;
    }
  }
  return undefined;
};

interface ToTake {
  readonly clusterId: string;
  readonly name: string;
  readonly group: TowerConsistencyGroup | undefined;
  readonly together: readonly LunMember[];
  readonly single: readonly LunMember[];
}

const takeAll = async (
  tower: Tower,
  { clusterId, name, group, together, single }: ToTake,
  call: StorageCall,
): Promise<TakenTogether> => {
  const targets = new Map<string, string>();
  for (const { lun, vmVolume } of single) {
    if (vmVolume === undefined) targets.set(lun, (await findLun(tower, lun, call))?.target.id ?? notTaken(lun));
  }
  const beganMs = performance.now();
  const grouped = group === undefined ? [] : await takeGroup(tower, { name, group, together }, call);
  const alone = await eachOf(single, (member) => {
    const own = `${name}.${digestOf(member.zbsVolumeId)}`;
    const targetId = targets.get(member.lun);
    if (targetId !== undefined) return ensureLunSnapshot(tower, { lunId: member.lun, targetId, name: own }, call);
    return takeVolume(tower, { clusterId, name: own, member }, call);
  });
  const tookMs = performance.now() - beganMs;
  const all = [...grouped, ...alone];
  const isOneInstant = single.length + (group === undefined ? 0 : 1) <= 1;
  return {
    taken: new Map(
      all.map(([{ zbsVolumeId }, one]) => [zbsVolumeId, { snapshot: one.id, zbsVolumeId: one.zbsVolumeId }]),
    ),
    apartMs: isOneInstant ? 0 : Math.ceil(Math.max(tookMs, spreadMs(all))),
  };
};

/** Some may be of an attempt before, which died. By the cluster's clock. */
const spreadMs = (taken: readonly Taken[]): number => {
  const instants = taken.map(([, { createdAt }]) => Date.parse(createdAt)).filter(Number.isFinite);
  return instants.length === 0 ? 0 : Math.max(...instants) - Math.min(...instants);
};

const takeGroup = async (
  tower: Tower,
  { name, group, together }: Pick<ToTake, "name" | "together"> & { readonly group: TowerConsistencyGroup },
  call: StorageCall,
): Promise<readonly Taken[]> => {
  const { id, lunSnapshots } = await ensureGroupSnapshot(tower, { groupId: group.id, name }, call);
  const ids = lunSnapshots.map((one) => one.id);
  const taken = await findLunSnapshots(tower, ids, call);
  const byLun = new Map([...taken.values()].map((one) => [one.lun?.id, one]));
  // What it took stays, as snapshots of the LUNs.
  await deleteGroupSnapshot(tower, id, { withLunSnapshots: false }, call);
  return together.map((member) => [member, byLun.get(member.lun) ?? notTaken(member.zbsVolumeId)]);
};

/** A volume snapshot's id is the name of the LUN snapshot that has its content. */
const takeVolume = async (
  tower: Tower,
  { clusterId, name, member }: { readonly clusterId: string; readonly name: string; readonly member: LunMember },
  call: StorageCall,
): Promise<TowerLunSnapshot> => {
  const { vmVolume: volumeId = "", zbsVolumeId } = member;
  const { localId } = await ensureVmVolumeSnapshot(tower, { volumeId, name, description: "" }, call);
  return (await findLunSnapshotNamed(tower, { clusterId, name: localId }, call)) ?? notTaken(zbsVolumeId);
};

const eachOf = async (
  members: readonly LunMember[],
  take: (member: LunMember) => Promise<TowerLunSnapshot>,
): Promise<readonly Taken[]> => {
  const left = [...members];
  const taken: Taken[] = [];
  const work = async (): Promise<void> => {
    for (let member = left.shift(); member !== undefined; member = left.shift())
      taken.push([member, await take(member)]);
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnceMax, members.length) }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return taken;
};

const notTaken = (zbsVolumeId: string): never => {
  throw new VisibleError("CLUSTER_TASK_FAILED", `The cluster took no snapshot of ${zbsVolumeId} with the others.`, {
    hint: "It will be tried again. If it goes on, see CloudTower's task list.",
  });
};
