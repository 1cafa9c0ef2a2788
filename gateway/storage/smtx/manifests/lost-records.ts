import { randomBytes } from "node:crypto";
import type { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { jsonIn } from "../../../../core/api/json.ts";
import type { StorageCall } from "../../call.ts";
import type { Owner } from "../../control.ts";
import type { LunRef } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import { recoveryName } from "../names.ts";
import {
  type KeptGroups,
  type KeptPublished,
  keptGroupsSchema,
  type ManifestSheet,
  manifestSheetSchema,
} from "./kept-groups.ts";
import { listAreas, manifestArea, manifestTarget, withManifestLun } from "./manifest-lun.ts";
import { isRecorded, putGroup, putPlan } from "./recorded.ts";
import { readSheet } from "./sheet.ts";

type Parts = Pick<ClusterContext, "ledger" | "hands" | "initiator" | "time">;

/** What could be made again of one plan's records. */
export interface RecoveredPlan extends Owner {
  readonly groups: number;
  /** Groups that are on the cluster, and whose manifest can't be read. */
  readonly unread: number;
}

/**
 * Makes the records of published groups again, where those before are lost, by what lies on the
 * cluster beside the groups' snapshots. To be called before anything is made there. Whoever dies in
 * between leaves it to the next one.
 */
export const recoverRecords = async (parts: Parts, call?: StorageCall): Promise<readonly RecoveredPlan[]> => {
  const plans: RecoveredPlan[] = [];
  for (const lun of await parts.hands.listLuns(manifestTarget, call)) {
    const list = await newestList(parts, lun, call);
    if (list !== undefined) plans.push(await recoverPlan(parts, lun, list, call));
  }
  return plans;
};

const newestList = (parts: Parts, lun: LunRef, call: StorageCall | undefined): Promise<KeptGroups | undefined> =>
  withManifestLun(parts, lun, async (device) => {
    const sheets = [];
    for (const area of listAreas) sheets.push(await readSheet(device, area, call));
    const whole = sheets.flatMap((sheet) => sheet ?? []).toSorted((a, b) => b.number - a.number);
    return whole.map(({ text }) => parsed(keptGroupsSchema, text)).find((list) => list !== undefined);
  });

const recoverPlan = async (
  parts: Parts,
  lun: LunRef,
  list: KeptGroups,
  call: StorageCall | undefined,
): Promise<RecoveredPlan> => {
  const { planId, source, groups } = list;
  const { ledger, hands } = parts;
  let [recovered, unread] = [0, 0];
  for (const group of groups) {
    call?.signal?.throwIfAborted();
    const isThere = await ledger.read((database) => isRecorded(database, group.groupId), call);
    if (!isThere) {
      if (await hands.isGone(group.manifest.snapshot, call)) continue;
      const sheet = await manifestOf(parts, group, call);
      if (sheet === undefined) unread++;
      else await ledger.change((database) => putGroup(database, list, group, sheet), call);
      if (sheet === undefined) continue;
    }
    recovered++;
    call?.onMoved?.();
  }
  await ledger.change((database) => putPlan(database, list, lun), call);
  return { planId, source, groups: recovered, unread };
};

/** Undefined: the cluster does not give it, or it is not this group's. */
const manifestOf = async (
  parts: Parts,
  { groupId, manifest: { snapshot, zbsVolumeId } }: KeptPublished,
  call: StorageCall | undefined,
): Promise<ManifestSheet | undefined> => {
  const { hands } = parts;
  const name = recoveryName(randomBytes(8).toString("hex"));
  const clone = await hands.cloneSnapshot({ snapshot, zbsVolumeId, name }, call).catch((error: unknown) => {
    if (VisibleError.is(error, "CLUSTER_TASK_FAILED")) return undefined;
    throw error;
  });
  if (clone === undefined) return undefined;
  try {
    const sheet = await withManifestLun(parts, clone, (device) => readSheet(device, manifestArea, call));
    const read = sheet && parsed(manifestSheetSchema, sheet.text);
    return read?.groupId === groupId ? read : undefined;
  } finally {
    await hands.removeLun(clone.lun, call);
  }
};

const parsed = <T>(schema: z.ZodType<T>, text: string): T | undefined => schema.safeParse(jsonIn(text)).data;
