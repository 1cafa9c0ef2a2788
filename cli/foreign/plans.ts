import { VisibleError } from "../../core/api/errors.ts";
import type { ForeignGroupAnswer, ForeignPlanAnswer, Standing } from "../../core/api/foreign/answers.ts";
import { formatIdentity } from "../../core/api/identity.ts";
import { isSameName, shownName } from "../../core/api/name.ts";
import type { ForeignGroup } from "../../gateway/storage/control.ts";
import { type JudgedGroup, judgeGroups } from "../../pki/judge-groups.ts";
import type { ForeignSite } from "./site.ts";

/** A published group, judged. */
export type FoundGroup = JudgedGroup<ForeignGroup> & { readonly damagedExtents: number };

/** A plan that has groups at the site; the newest first. */
export interface FoundPlan {
  readonly newest: FoundGroup;
  readonly groups: readonly FoundGroup[];
}

/** Plans by their names. */
export const findPlans = async ({ storage, judge }: ForeignSite): Promise<readonly FoundPlan[]> => {
  const damage = Map.groupBy((await storage.damage()) ?? [], ({ groupId }) => groupId);
  const groups = judgeGroups(await storage.foreignGroups(), judge).map((judged) => {
    const damaged = damage.get(judged.of.group.groupId) ?? [];
    return { ...judged, damagedExtents: damaged.reduce((sum, { extents }) => sum + extents, 0) };
  });
  return [...Map.groupBy(groups, ({ of: { group } }) => `${group.planId}/${group.source}`).values()]
    .flatMap((ofPlan) => {
      const [newest] = ofPlan;
      return newest === undefined ? [] : [{ newest, groups: ofPlan }];
    })
    .sort((one, other) => (one.newest.of.planName < other.newest.of.planName ? -1 : 1));
};

/**
 * A plan by its id or its name.
 * @throws VisibleError PLAN_UNKNOWN, PLAN_AMBIGUOUS
 */
export const findPlan = async (site: ForeignSite, wanted: string): Promise<FoundPlan> => {
  const plans = await findPlans(site);
  const byId = plans.filter(({ newest }) => newest.of.group.planId === wanted);
  const found = byId.length > 0 ? byId : plans.filter(({ newest }) => isSameName(newest.of.planName, wanted));
  const [only, ...others] = found;
  if (only === undefined) {
    throw new VisibleError(
      "PLAN_UNKNOWN",
      `Site “${site.config.siteId}” has no group of a plan “${shownName(wanted)}”.`,
      {
        hint: `See what it has with: smtx-backup foreign-plan list -c ${site.at}`,
      },
    );
  }
  if (others.length === 0) return only;
  const ids = found.map(({ newest: { of } }) => `${of.group.planId} (of ${of.group.source})`);
  throw new VisibleError("PLAN_AMBIGUOUS", `There are ${found.length} plans “${shownName(wanted)}” here.`, {
    hint: `Name one by its id: ${ids.join(", ")}`,
  });
};

/**
 * A group of a plan by its id; `latest` is the newest, whether it is believed or not.
 * @throws VisibleError GROUP_UNKNOWN
 */
export const findGroup = (
  { newest, groups }: FoundPlan,
  wanted: string,
  { at }: Pick<ForeignSite, "at">,
): FoundGroup => {
  const found = wanted === "latest" ? newest : groups.find(({ of }) => of.group.groupId === wanted);
  if (found !== undefined) return found;
  const { planId } = newest.of.group;
  throw new VisibleError("GROUP_UNKNOWN", `The plan ${planId} has no group ${wanted} here.`, {
    hint: `See which it has with: smtx-backup foreign-plan show ${planId} -c ${at}`,
  });
};

/** What is to be thought of a group, as it is told. */
export const standingOf = (group: FoundGroup): Standing => {
  if (group.refusal !== undefined) {
    const { code, message } = group.refusal;
    return { state: "refused", code, message };
  }
  const { judgement } = group;
  return judgement.state === "unsigned"
    ? { state: "unsigned" }
    : { state: "signed", by: formatIdentity(judgement.by), publishedAt: judgement.publishedAt };
};

export const groupAnswer = (found: FoundGroup): ForeignGroupAnswer => {
  const { group, sizeBytes } = found.of;
  const { groupId, sequence, takenAt } = group;
  const { damagedExtents } = found;
  return { groupId, sequence, takenAt, sizeBytes, damagedExtents, manifest: standingOf(found) };
};

export const planAnswer = ({ newest, groups }: FoundPlan): ForeignPlanAnswer => {
  const { group, planName } = newest.of;
  const { planId, source } = group;
  return { planId, planName, source, groupCount: groups.length, newest: groupAnswer(newest) };
};
