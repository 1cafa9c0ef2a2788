import { type ErrorCode, VisibleError } from "../../core/api/errors.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { ruleText } from "../../core/object/rule.ts";

/** Why a run has nothing to take. */
export const nothingLeft = (of: {
  readonly entries: readonly PlanEntry[];
  readonly missing: readonly PlanObject[];
  readonly warnings: readonly Reason[];
}): VisibleError => {
  const { missing, warnings } = of;
  const rules = of.entries.filter(isRule);
  const code: ErrorCode = missing.length === 0 && warnings.length > 0 ? "OBJECT_UNUSABLE" : "OBJECT_GONE";
  const sentences = [
    ...(missing.length > 0 ? [`The source has no ${missing.map(nameOf).join(", no ")} any more.`] : []),
    ...(rules.length > 0 ? [`Nothing can be taken for ${rules.map(ruleText).join(", ")}.`] : []),
    ...warnings.map(({ message }) => message),
  ];
  return new VisibleError(code, `No object of the plan is left. ${sentences.join(" ")}`, {
    hint: "Take what is gone out of the plan, or bring it back.",
  });
};

const nameOf = ({ kind, id, name }: PlanObject): string => `${kind} “${name}” (${id})`;
