import { z } from "zod";
import { planIdSchema, siteIdSchema } from "../../../../core/api/ids.ts";
import type { Initiator } from "../../../iscsi/initiator.ts";
import type { Time } from "../../../time/time.ts";
import type { Owner } from "../../control.ts";
import type { LunRef, LunWish } from "../cluster/hands.ts";
import { HeldLun } from "../held-lun.ts";
import { ourName, ownerTag } from "../names.ts";
import type { Area } from "./sheet.ts";

/*
 * A plan's LUN. It has the manifest of the group that is being published, which is snapshotted with
 * the group's mirrors, and a list of all groups that have been: which snapshots each consists of.
 */

const MiB = 2 ** 20;

/** They are written in turn, so one of them is always whole. */
export const listAreas: readonly [Area, Area] = [
  { offset: 0, bytes: 24 * MiB },
  { offset: 24 * MiB, bytes: 24 * MiB },
];
export const manifestArea: Area = { offset: 48 * MiB, bytes: 16 * MiB };

/** Of such a LUN. */
export const manifestBytes: number = manifestArea.offset + manifestArea.bytes;

/** The target in which all of them lie. */
export const manifestTarget: string = ourName("manifest");

const prefix = `${manifestTarget}.`;

export const manifestWish = (owner: Owner): LunWish => ({
  target: { name: manifestTarget, stripeCount: 1, stripeBytes: 256 * 1024 },
  name: prefix + ownerTag(owner),
  lunId: undefined,
  sizeBytes: manifestBytes,
});

/** Undefined: it is no plan's LUN. */
export const ownerOfManifest = (name: string): Owner | undefined => {
  const [source, planId, ...more] = name.startsWith(prefix) ? name.slice(prefix.length).split(".") : [];
  const owner = ownerSchema.safeParse({ source, planId });
  return more.length === 0 ? owner.data : undefined;
};

const ownerSchema = z.object({ source: siteIdSchema, planId: planIdSchema });

/** Runs `work` on such a LUN, or on a clone of its snapshot. */
export const withManifestLun = async <T>(
  { initiator, time }: { readonly initiator: Initiator; readonly time: Time },
  { iqn, lunId, sizeBytes }: Pick<LunRef, "iqn" | "lunId" | "sizeBytes">,
  work: (device: HeldLun) => Promise<T>,
): Promise<T> => {
  const place = { targetName: iqn, lun: lunId };
  const device = new HeldLun({ initiator, place, sizeBytes, time, name: `the LUN ${lunId} of ${iqn}` });
  try {
    return await work(device);
  } finally {
    await device.close();
  }
};
