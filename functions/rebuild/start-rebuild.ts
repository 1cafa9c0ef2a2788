import type { RebuildCreate } from "../../core/api/restore/rebuild.ts";
import { type RebuildWishes, rebuildWishesSchema } from "../../core/api/restore/wishes.ts";
import type { Run } from "../../core/api/run.ts";
import type { Deps } from "../ports/deps.ts";
import { beginRestore } from "../restores/begin.ts";
import { readRestorable } from "../restores/restorable.ts";
import { readTaken } from "../runs/taken.ts";
import { readFacilities } from "../sites/facilities.ts";
import { readChoice } from "./choice.ts";
import { refuseTakenMacs } from "./refuse-macs.ts";
import { refuseWrongNames } from "./refuse-names.ts";
import { refuseWrongPlace } from "./refuse-place.ts";
import { surveyRebuild } from "./survey.ts";

type RebuildOptions = Pick<RebuildCreate, "groupId" | "siteId" | "namePrefix"> &
  Partial<Omit<RebuildCreate, "type" | "groupId" | "siteId" | "namePrefix">>;

/**
 * Begins to rebuild a group's objects, or some of them, on a site that has it (W12): a target, or
 * the one that the plan protects. The group is held until the end. What is wrong with the wishes is
 * told before anything is made, as far as the site has told what it has.
 *
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS,
 *   OBJECT_NAME_TAKEN, POOL_UNKNOWN, POOL_FULL, SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN, BAD_REQUEST (a
 *   name that can't be), and as `beginRestore`
 */
export const startRebuild = async (deps: Deps, options: RebuildOptions): Promise<Run> => {
  const { groupId, siteId, namePrefix, evenDamaged = false } = options;
  const of = await readRestorable(deps, groupId, siteId);
  const { origin } = of;
  const count = (await readTaken(deps, origin))?.objects ?? origin.objectCount;
  const chosen = await readChoice(deps, { runId: origin.id, groupId, count }, options);
  const survey = await surveyRebuild(deps, of, chosen, namePrefix);
  const wishes = wishesIn(options);
  const facilities = await readFacilities(deps, siteId);
  refuseWrongPlace({ siteId, wishes, survey, facilities });
  await refuseWrongNames(deps, siteId, survey.names);
  await refuseTakenMacs(deps, { of, wishes, nics: survey.nics, facilities });
  return beginRestore(deps, {
    kind: "rebuild",
    of,
    target: siteId,
    objectCount: chosen.indices?.length ?? count,
    told: {
      ...{ namePrefix, evenDamaged },
      ...(chosen.indices && { objects: [...chosen.indices] }),
      ...(survey.wished.length > 0 && { names: [...survey.wished] }),
      ...(Object.keys(wishes).length > 0 && { wishes }),
    },
  });
};

/** What is wished for, without what is as it would be anyhow. */
const wishesIn = (options: RebuildOptions): RebuildWishes => {
  const wished = Object.keys(rebuildWishesSchema.shape).map(
    (key) => [key, options[key as keyof RebuildWishes]] as const,
  );
  return rebuildWishesSchema.parse(
    Object.fromEntries(wished.filter(([, value]) => value !== undefined && value !== false)),
  );
};
