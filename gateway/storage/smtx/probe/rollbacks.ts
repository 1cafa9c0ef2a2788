import type { StorageCall } from "../../call.ts";
import { findLunSnapshotNamed, type TowerLunSnapshot } from "../cloud-tower/nouns/lun-snapshots.ts";
import { rollbackLun, type TowerLun } from "../cloud-tower/nouns/luns.ts";
import { ensureVmVolumeSnapshot } from "../cloud-tower/nouns/vm-volume-snapshots.ts";
import type { TowerVmVolume } from "../cloud-tower/nouns/vm-volumes.ts";
import type { ProbeGround } from "./ground.ts";
import { no, type SeenAnswer, seenBy, tried, unknown, yes } from "./seen.ts";

/** Whether a LUN becomes what a snapshot of another one has. */
export const rollsBackToOthers = (
  ground: ProbeGround,
  { other, snapshot }: { readonly other: TowerLun; readonly snapshot: TowerLunSnapshot },
  call: StorageCall,
): Promise<SeenAnswer> =>
  seenBy(async () => {
    const { tower } = ground.parts;
    const result = await tried(() => rollbackLun(tower, { lunId: other.id, snapshotId: snapshot.id }, call), call);
    if ("refused" in result) return no(result.refused);
    if (!(await ground.hasContent(other, call))) return no("The rollback succeeded, and the content is another one.");
    const now = await ground.look(other, call);
    const { sizeBytes, stripeCount, stripeBytes } = now;
    const isSame =
      sizeBytes === other.sizeBytes && stripeCount === other.stripeCount && stripeBytes === other.stripeBytes;
    const shape = `${sizeBytes} bytes, ${stripeCount} stripes of ${stripeBytes} bytes`;
    return isSame
      ? yes(`The bytes are the snapshot's; size and stripes are as before (${shape}).`)
      : no(`The bytes are the snapshot's, but size or stripes have changed: ${shape}.`);
  }, call);

/**
 * Whether the LUN of a virtual volume that no VM has becomes what another LUN's snapshot has, and
 * whether a virtual volume's snapshot may be cloned into a target of ours, by which that is read.
 */
export const rollsBackVolumes = async (
  ground: ProbeGround,
  { volume, snapshot }: { readonly volume: TowerVmVolume; readonly snapshot: TowerLunSnapshot },
  call: StorageCall,
): Promise<{ readonly rollsBackVolumes: SeenAnswer; readonly clonesVolumes: SeenAnswer }> => {
  const { tower } = ground.parts;
  const { lun } = volume;
  const notTold = "CloudTower does not say in which LUN the volume lies.";
  const rolledBack = await seenBy(async () => {
    if (lun === undefined) return unknown(notTold);
    const result = await tried(() => rollbackLun(tower, { lunId: lun.id, snapshotId: snapshot.id }, call), call);
    return "refused" in result ? no(result.refused) : yes("The rollback succeeded.");
  }, call);
  let clone: TowerLun | undefined;
  const cloned = await seenBy(async () => {
    const name = ground.nameOf("volume-snapshot");
    const taken = await ensureVmVolumeSnapshot(tower, { volumeId: volume.id, name, description: "" }, call);
    const inside = await snapshotInside(ground, taken.localId, call);
    if (inside === undefined) return unknown("CloudTower shows no LUN snapshot by the volume snapshot's id.");
    const result = await tried(() => ground.clone(inside, "volume-clone", call), call);
    if ("refused" in result) return no(result.refused);
    clone = result.done;
    await ground.hasContent(clone, call);
    return yes("A snapshot of a virtual volume was cloned into our target, and read there.");
  }, call);
  if (rolledBack.answer !== "yes") return { rollsBackVolumes: rolledBack, clonesVolumes: cloned };
  const read = await seenBy(async () => {
    if (clone === undefined) return unknown("The rollback succeeded, but the volume's content can't be read.");
    return (await ground.hasContent(clone, call))
      ? yes("The bytes are the snapshot's, read from a clone of the volume's own snapshot.")
      : no("The rollback succeeded, and the content is another one.");
  }, call);
  return { rollsBackVolumes: read, clonesVolumes: cloned };
};

/** A volume snapshot's id is the name of the LUN snapshot that has its content. */
const snapshotInside = (ground: ProbeGround, name: string, call: StorageCall) => {
  const { tower, clusterId } = ground.parts;
  return findLunSnapshotNamed(tower, { clusterId, name }, call);
};
