import type { StorageCall } from "../../call.ts";
import { isPassing, ourName, ownerTag } from "../names.ts";
import { findBefore } from "../reaper/found-before.ts";
import { isBegun } from "../reaper/known.ts";
import type { Remains } from "../reaper/remains.ts";
import { eraOf } from "../records/era.ts";
import { type RecordParts, type RecoveredPlan, recoverRecords } from "./lost-records.ts";

/**
 * Begins records on a cluster: where others before have been lost, with what can be made of them
 * again. Of what else has names of ours there nothing is removed ever.
 * @returns of the plans that were found; undefined: nothing was lost
 */
export const beginRecords = async (
  parts: RecordParts & { readonly remains: Remains },
  call?: StorageCall,
): Promise<readonly RecoveredPlan[] | undefined> => {
  const { ledger } = parts;
  if (await ledger.read(isBegun, call)) return undefined;
  const plans = await recoverRecords(parts, call);
  // What is written between groups is nobody's, once the groups are known again.
  const whole = plans.filter(({ unread }) => unread === 0).map((plan) => ourName("mirror", `${ownerTag(plan)}.`));
  const isNeedless = (name: string) => isPassing(name) || whole.some((mirrors) => name.startsWith(mirrors));
  await findBefore(parts, call, isNeedless);
  return plans.length > 0 || (await ledger.read(eraOf, call)) !== undefined ? plans : undefined;
};
