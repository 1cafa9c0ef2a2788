import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { abilitiesOf } from "../abilities/abilities.ts";
import { copyLun } from "../blocks/copy.ts";
import type { LunRef } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import { digestOf, ourName } from "../names.ts";

export interface Filling {
  /** A new LUN, in a target that a gateway may log in to. */
  readonly lun: LunRef;
  readonly kind: "lun" | "volume";
  readonly snapshot: string;
  readonly sizeBytes: number;
}

/**
 * Gives a new LUN a snapshot's content: by the cluster, which shares it, or, where that was seen to
 * refuse, byte by byte.
 * @throws OBJECT_KIND_UNSUPPORTED
 */
export const fill = async (context: ClusterContext, of: Filling, call: StorageCall): Promise<void> => {
  const { hands, ledger } = context;
  const { lun, kind, snapshot, sizeBytes } = of;
  const abilities = await ledger.read(abilitiesOf, call);
  const ability = kind === "lun" ? abilities.rollsBackToOthers : abilities.rollsBackVolumes;
  if (ability.answer !== "no") return hands.rollBackLun(lun.lun, { snapshot, atLeastBytes: sizeBytes }, call);
  if (kind === "volume") throw noVolumes();
  const { initiator, holder } = context;
  const clone = await hands.cloneSnapshot({ snapshot, name: ourName("read", holder.id, digestOf(lun.lun)) }, call);
  const from = await initiator.openLun({ targetName: clone.iqn, lun: clone.lunId }, call);
  try {
    const to = await initiator.openLun({ targetName: lun.iqn, lun: lun.lunId }, call);
    try {
      await copyLun(from, to, call);
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
    await hands.removeLun(clone.lun, call);
  }
};

export const noVolumes = (): VisibleError =>
  new VisibleError("OBJECT_KIND_UNSUPPORTED", "This cluster makes no virtual volumes of what a gateway has.", {
    hint: "Attach the group and import its disks in CloudTower: smtx-backup group attach GROUP --object NAME --site SITE",
  });
