import { type ErrorCode, VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanEntry, type PlanObject, type PlanRule } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { fitsButIsMirror, ruleText } from "../../core/object/rule.ts";

/** Why a run has nothing to take. */
export const nothingLeft = (of: {
  readonly entries: readonly PlanEntry[];
  readonly missing: readonly PlanObject[];
  readonly warnings: readonly Reason[];
  /** All that there is, where the plan has rules. */
  readonly site?: readonly ObjectConfig[];
}): VisibleError => {
  const { missing, warnings, site = [] } = of;
  const rules = of.entries.filter(isRule);
  const code: ErrorCode = missing.length === 0 && warnings.length > 0 ? "OBJECT_UNUSABLE" : "OBJECT_GONE";
  const sentences = [
    ...(missing.length > 0 ? [`The source has no ${missing.map(nameOf).join(", no ")} any more.`] : []),
    ...(rules.length > 0 ? [`Nothing can be taken for ${rules.map((rule) => idleText(rule, site)).join(", ")}.`] : []),
    ...warnings.map(({ message }) => message),
  ];
  return new VisibleError(code, `No object of the plan is left. ${sentences.join(" ")}`, {
    hint:
      rules.length === 0
        ? "Take what is gone out of the plan, or bring it back."
        : "Change the plan's rules in its file, and have it taken in with: smtx-backup plan update PLAN -f FILE",
  });
};

const idleText = (rule: PlanRule, site: readonly ObjectConfig[]): string => {
  const mirrors = site.filter((object) => fitsButIsMirror(rule, object)).length;
  if (mirrors === 0) return ruleText(rule);
  return `${ruleText(rule)} (${mirrors} that would fit ${mirrors === 1 ? "is a mirror" : "are mirrors"}, which no plan takes)`;
};

const nameOf = ({ kind, id, name }: PlanObject): string => `${kind} “${name}” (${id})`;
