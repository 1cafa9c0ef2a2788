import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { type AbilityAnswer, abilitiesOf } from "../abilities/abilities.ts";
import { withHoles } from "../blocks/believed-holes.ts";
import { copyLun } from "../blocks/copy.ts";
import type { LunRef } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import { digestOf, ourName } from "../names.ts";
import { noteCopy } from "./ways.ts";

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
  if (ability.answer !== "no") {
    try {
      return await hands.rollBackLun(lun.lun, { snapshot, atLeastBytes: sizeBytes }, call);
    } catch (error) {
      if (!maySayThatItCant(error, ability.answer) || kind === "volume") throw error;
      call.signal?.throwIfAborted();
    }
  }
  if (kind === "volume") throw noVolumes();
  await copyInto(context, of, call);
};

/** Where a rollback was never seen, a failing task may be how the cluster says that it can't. */
export const maySayThatItCant = (error: unknown, answer: AbilityAnswer): boolean =>
  VisibleError.is(error, "SNAPSHOT_UNKNOWN") || (answer !== "yes" && VisibleError.is(error, "CLUSTER_TASK_FAILED"));

const copyInto = async (context: ClusterContext, { lun, snapshot }: Filling, call: StorageCall) => {
  const { hands, initiator, holder, ledger, time } = context;
  const clone = await hands.cloneSnapshot({ snapshot, name: ourName("read", holder.id, digestOf(lun.lun)) }, call);
  const from = await initiator.openLun({ targetName: clone.iqn, lun: clone.lunId }, call);
  try {
    const to = await initiator.openLun({ targetName: lun.iqn, lun: lun.lunId }, call);
    try {
      const beganMs = time.nowMs();
      const bytes = await copyLun(await withHoles(ledger, from, call), to, call);
      const ms = time.nowMs() - beganMs;
      await ledger.change((database) => noteCopy(database, { bytes, ms }), call);
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
