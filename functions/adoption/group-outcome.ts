import type { ForeignGroupTold } from "../../core/api/adoption/foreign-plans.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Deps } from "../ports/deps.ts";
import { adoptGroup } from "./adopt-group.ts";
import type { Adoption, GroupOutcome } from "./documents.ts";
import { judgeGroup } from "./judge.ts";
import { refuseOtherPlan } from "./refuse-other-plan.ts";

type Head = Pick<GroupOutcome, "groupId" | "planId" | "planName" | "source" | "sequence" | "takenAt">;

const headOf = ({ group, planName }: Omit<ForeignGroupTold, "packed">): Head => {
  const { groupId, planId, source, sequence, takenAt } = group;
  return { groupId, planId, planName, source, sequence, takenAt };
};

/**
 * Judges a group of which all has come, and makes it known, or says why not.
 * @throws what is worth another try
 */
export const outcomeOf = async (
  deps: Deps,
  adoption: Adoption,
  told: Omit<ForeignGroupTold, "packed">,
  packed: string,
): Promise<GroupOutcome> => {
  try {
    return { ...headOf(told), ...(await takeGroup(deps, adoption, told, packed)) };
  } catch (error) {
    if (!VisibleError.is(error) || error.retryable) throw error;
    return refused(told, error);
  }
};

export const refused = (told: Omit<ForeignGroupTold, "packed">, { code, message }: VisibleError): GroupOutcome => ({
  ...headOf(told),
  ...{ is: "refused", reason: { code, message } },
});

/** Nobody has signed it: if it is older than what is signed is known when all have come. */
export const waiting = (told: Omit<ForeignGroupTold, "packed">): GroupOutcome => ({
  ...headOf(told),
  is: "waiting",
  unsigned: told,
});

/** @throws VisibleError why it is refused; what is retryable is no refusal */
const takeGroup = async (
  deps: Deps,
  adoption: Adoption,
  told: Omit<ForeignGroupTold, "packed">,
  packed: string,
): Promise<Omit<GroupOutcome, keyof Head> & Pick<GroupOutcome, "planName">> => {
  const believed = await judgeGroup(deps, adoption, told, packed);
  const { manifest, isSigned, reason } = believed;
  await refuseOtherPlan(deps, adoption, manifest);
  const adopted = await adoptGroup(deps, adoption, believed);
  if (adopted === undefined) throw contradicted(manifest.groupId);
  const otherTargets = manifest.plan?.targets.map(({ site }) => site).filter((site) => site !== adoption.siteId);
  return {
    ...adopted,
    planName: manifest.planName,
    objectCount: manifest.objects.length,
    ...(isSigned && { isSigned }),
    ...(reason && { reason }),
    ...(otherTargets && { otherTargets }),
  };
};

const contradicted = (groupId: string) =>
  new VisibleError("GROUP_EXISTS", `Too many sites have told different things of ${groupId}.`);
