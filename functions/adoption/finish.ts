import { type AdoptedPlan, adoptedPlansMax } from "../../core/api/adoption/adoption.ts";
import { readAll } from "../documents/ranges.ts";
import { groupOutcomeKey, groupOutcomePrefix, planOutcomeKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { adoptPlan } from "./adopt-plan.ts";
import { type Adoption, changeAdoption, type GroupOutcome, keptUntil } from "./documents.ts";
import { takeUnsigned } from "./unsigned.ts";

/** What became of all groups that the site has told of so far. */
export const readOutcomes = async (
  deps: Pick<Deps, "store">,
  adoption: Pick<Adoption, "id">,
): Promise<readonly GroupOutcome[]> => {
  const { partition } = groupOutcomeKey(adoption.id, "" as GroupOutcome["groupId"]);
  return (await readAll<GroupOutcome>(deps, { partition, sort: groupOutcomePrefix })).map(({ body }) => body);
};

/** All groups were looked at: their plans are made known. Twice is as good as once. */
export const finish = async (deps: Deps, adoption: Adoption): Promise<void> => {
  const all = await takeUnsigned(deps, adoption, await readOutcomes(deps, adoption));
  const ofPlans = Map.groupBy(all, ({ planId }) => planId);
  // One after the other: each takes a name.
  for (const outcomes of [...ofPlans.values()].slice(0, adoptedPlansMax)) {
    const plan = await adoptPlan(deps, adoption, outcomes);
    if (plan !== undefined) await putOutcome(deps, adoption, plan);
  }
  if (ofPlans.size > adoptedPlansMax) {
    const { siteId } = adoption;
    deps.log.error({ siteId, plans: ofPlans.size }, "a site tells of more plans than are taken in at once");
  }
  await changeAdoption(deps, adoption, (now) => ({ ...now, isOver: true }));
};

const putOutcome = (deps: Deps, adoption: Adoption, plan: AdoptedPlan): Promise<void> => {
  const key = planOutcomeKey(adoption.id, plan.planId);
  return deps.store.commit([{ type: "put", key, body: plan, expect: "any", expiresAt: keptUntil(adoption) }]);
};
