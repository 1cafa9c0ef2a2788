import { randomBytes } from "node:crypto";
import type { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { jsonIn } from "../../../../core/api/json.ts";
import type { StorageCall } from "../../call.ts";
import type { Owner } from "../../control.ts";
import type { LunRef } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import { recoveryName } from "../names.ts";
import { isBegun } from "../reaper/known.ts";
import {
  type KeptGroups,
  type KeptPublished,
  keptGroupsSchema,
  type ManifestSheet,
  manifestSheetSchema,
} from "./kept-groups.ts";
import {
  listAreas,
  manifestArea,
  manifestBytes,
  manifestTarget,
  ownerOfManifest,
  withManifestLun,
} from "./manifest-lun.ts";
import { isRecorded, putGroup, putPlan } from "./recorded.ts";
import { isBlankArea, readSheet } from "./sheet.ts";

export type RecordParts = Pick<ClusterContext, "ledger" | "hands" | "initiator" | "time">;

/** What could be made again of one plan's records. */
export interface RecoveredPlan extends Owner {
  readonly groups: number;
  /**
   * Groups that are on the cluster, and whose manifest can't be read; null: nor what groups there
   * are.
   */
  readonly unread: number | null;
}

/**
 * Makes the records of published groups again, where those before are lost, by what lies on the
 * cluster beside the groups' snapshots. To be called before anything is made there. Whoever dies in
 * between leaves it to the next one; where another one is done meanwhile, groups may be gone again.
 */
export const recoverRecords = async (parts: RecordParts, call?: StorageCall): Promise<readonly RecoveredPlan[]> => {
  const plans: RecoveredPlan[] = [];
  for (const lun of await parts.hands.listLuns(manifestTarget, call)) {
    const owner = ownerOfManifest(lun.name);
    const list = owner && (await newestList(parts, lun, call));
    if (owner === undefined || list === "none") continue;
    const isIts = list?.planId === owner.planId && list.source === owner.source;
    plans.push(isIts ? await recoverPlan(parts, lun, list, call) : { ...owner, groups: 0, unread: null });
  }
  return plans;
};

/** `none`: nothing was written yet. Undefined: it can't be read. */
const newestList = async (
  parts: RecordParts,
  lun: LunRef,
  call: StorageCall | undefined,
): Promise<KeptGroups | "none" | undefined> => {
  if (lun.sizeBytes < manifestBytes) return undefined;
  return withManifestLun(parts, lun, async (device) => {
    const sheets = [];
    let isBlank = true;
    for (const area of listAreas) {
      sheets.push(await readSheet(device, area, call));
      isBlank &&= await isBlankArea(device, area, call);
    }
    if (isBlank) return "none";
    const whole = sheets.flatMap((sheet) => sheet ?? []).toSorted((a, b) => b.number - a.number);
    return whole.map(({ text }) => parsed(keptGroupsSchema, text)).find((list) => list !== undefined);
  });
};

const recoverPlan = async (
  parts: RecordParts,
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
      if (await hands.isGone(group.manifest, call)) continue;
      const sheet = await manifestOf(parts, group, call);
      if (sheet === undefined) unread++;
      else await ledger.change((database) => isBegun(database) || putGroup(database, list, group, sheet), call);
      if (sheet === undefined) continue;
    }
    recovered++;
    call?.onMoved?.();
  }
  await ledger.change((database) => isBegun(database) || putPlan(database, list, lun), call);
  return { planId, source, groups: recovered, unread };
};

/** Undefined: the cluster does not give it, or it is not this group's. */
const manifestOf = async (
  parts: RecordParts,
  { groupId, manifest: { snapshot, zbsVolumeId } }: KeptPublished,
  call: StorageCall | undefined,
): Promise<ManifestSheet | undefined> => {
  const { hands } = parts;
  const clone = await cloneOf(parts, { snapshot, zbsVolumeId }, call);
  if (clone === undefined) return undefined;
  try {
    const sheet = await withManifestLun(parts, clone, (device) => readSheet(device, manifestArea, call));
    const read = sheet && parsed(manifestSheetSchema, sheet.text);
    return read?.groupId === groupId ? read : undefined;
  } finally {
    await hands.removeLun(clone.lun, call);
  }
};

/** What is not read now is not looked for again, and the cluster may only be busy. */
const cloneOf = async (
  { hands, time }: RecordParts,
  of: KeptPublished["manifest"],
  call: StorageCall | undefined,
): Promise<LunRef | undefined> => {
  for (let tries = 1; ; tries++) {
    const name = recoveryName(randomBytes(8).toString("hex"));
    try {
      return await hands.cloneSnapshot({ ...of, name }, call);
    } catch (error) {
      call?.signal?.throwIfAborted();
      if (!VisibleError.is(error, "CLUSTER_TASK_FAILED")) throw error;
      if (tries === clonesMax) return undefined;
      await time.sleep(waitMs, call?.signal ?? never);
    }
  }
};

const clonesMax = 3;
const waitMs = 3_000;
const never = new AbortController().signal;

const parsed = <T>(schema: z.ZodType<T>, text: string): T | undefined => schema.safeParse(jsonIn(text)).data;
