import type { SiteId } from "../../core/api/ids.ts";
import type { RebuildCreate } from "../../core/api/restore/rebuild.ts";
import { type RebuildWishes, rebuildWishesSchema } from "../../core/api/restore/wishes.ts";
import { chosenToRebuild } from "../../core/rebuild/choice.ts";
import { refuseWrongPlace } from "../../core/rebuild/refuse-place.ts";
import { surveyRebuild } from "../../core/rebuild/survey.ts";
import type { Deps } from "../ports/deps.ts";
import type { Beginning } from "../restores/begin.ts";
import type { Restorable } from "../restores/restorable.ts";
import { readFacilities } from "../sites/facilities.ts";
import { configsOf, meantBy } from "./chosen-objects.ts";
import { refuseTakenMacs } from "./refuse-macs.ts";
import { refuseNamesAt } from "./refuse-names.ts";

export type RebuildOptions = Pick<RebuildCreate, "siteId" | "namePrefix"> &
  Partial<Omit<RebuildCreate, "type" | "groupId" | "siteId" | "namePrefix">>;

/**
 * What is made of a group's objects, or some of them, at a site. What is wrong with the wishes is
 * told before anything is made, as far as the site has told what it has.
 * @throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_NAME_TAKEN, POOL_UNKNOWN,
 *   POOL_FULL, SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN, BAD_REQUEST (a name that can't be)
 */
export const planRebuild = async (
  deps: Deps,
  of: Restorable,
  options: RebuildOptions,
): Promise<Planned & { readonly target: SiteId }> => {
  const { siteId } = options;
  const { survey, wishes, planned } = await wished(deps, of, options);
  const facilities = await readFacilities(deps, siteId);
  refuseWrongPlace({ siteId, wishes, survey, facilities });
  await refuseNamesAt(deps, siteId, survey.names);
  await refuseTakenMacs(deps, { of, siteId, wishes, nics: survey.nics, facilities });
  return { target: siteId, ...planned };
};

/**
 * The same of a site that is only asked what is in the way of it: that is not told here.
 * @throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, BAD_REQUEST (a name that can't be)
 */
export const planLook = async (deps: Deps, of: Restorable, options: RebuildOptions): Promise<Planned> =>
  (await wished(deps, of, options)).planned;

type Planned = Pick<Beginning, "objectCount" | "told">;

const wished = async (deps: Deps, of: Restorable, options: RebuildOptions) => {
  const { namePrefix, evenDamaged = false } = options;
  const { origin, taken } = of;
  const count = taken.objects ?? origin.objectCount;
  const { objects = [], renames = [] } = options;
  const texts = [...objects, ...renames.map(({ object }) => object)];
  const chosen = chosenToRebuild(await meantBy(deps, origin.id, of.group.id, texts), count, options);
  const survey = await surveyRebuild(configsOf(deps, origin.id), chosen, namePrefix);
  const wishes = wishesIn(options);
  const planned: Planned = {
    objectCount: chosen.indices?.length ?? count,
    told: {
      ...{ namePrefix, evenDamaged },
      ...(chosen.indices && { objects: [...chosen.indices] }),
      ...(survey.wished.length > 0 && { names: [...survey.wished] }),
      ...(Object.keys(wishes).length > 0 && { wishes }),
    },
  };
  return { survey, wishes, planned };
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
