import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { findLunSnapshotsByVolume } from "../cloud-tower/nouns/lun-snapshots.ts";
import { digestOf } from "../names.ts";
import { snapshotsOf, snapshotTogether, volumesMax } from "../ssh/snapshots.ts";
import type { TakenSnapshot, TakenTogether, TogetherWish } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { refOfZbs } from "./snapshot-refs.ts";
import { snapshotsByTower } from "./snapshots-apart.ts";

/**
 * The nodes' command line takes whatever there is, at one instant. CloudTower takes it as close
 * together as it can.
 * @throws OBJECT_KIND_UNSUPPORTED where neither can
 */
export const snapshotsTogether = async (
  of: TowerHandsOptions,
  wish: TogetherWish,
  call: StorageCall,
): Promise<TakenTogether> => {
  const { ssh } = of;
  if (ssh !== undefined) return { taken: await byCommandLine({ ...of, ssh }, wish, call), apartMs: 0 };
  const members = wish.members.map(({ lun, ...member }) => ({ ...member, lun: lun ?? noLun(member.zbsVolumeId) }));
  return snapshotsByTower(of, { ...wish, members }, call);
};

const noLun = (zbsVolumeId: string): never => {
  throw new VisibleError(
    "OBJECT_KIND_UNSUPPORTED",
    `CloudTower can't snapshot ${zbsVolumeId} together with the others: it is no LUN that it knows.`,
    { hint: "Let the gateway use the nodes' command line: storage.ssh in its configuration." },
  );
};

const byCommandLine = async (
  { ssh, tower, clusterId }: TowerHandsOptions & { readonly ssh: NonNullable<TowerHandsOptions["ssh"]> },
  { name, members, isNew, areStill = false }: TogetherWish,
  call: StorageCall,
): Promise<TakenTogether["taken"]> => {
  const named = members.map(({ zbsVolumeId }) => ({ zbsVolumeId, name: `${name}.${digestOf(zbsVolumeId)}` }));
  const ids = new Map<string, string>();
  const atOnce = areStill ? volumesMax : named.length;
  for (let from = 0; from < named.length; from += atOnce) {
    const some = named.slice(from, from + atOnce);
    const taken = (isNew ? undefined : await allOf(ssh, some, call)) ?? (await snapshotTogether(ssh, some, call));
    for (const [snapshotName, id] of taken) ids.set(snapshotName, id);
    call.onMoved?.();
  }
  const zbsVolumeIds = [...ids.values()];
  const inTower = await findLunSnapshotsByVolume(tower, { clusterId, zbsVolumeIds }, call);
  const towerIds = new Map(inTower.map(({ id, zbsVolumeId }) => [zbsVolumeId, id]));
  return new Map(
    named.map(({ zbsVolumeId, name: snapshotName }): [string, TakenSnapshot] => {
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
