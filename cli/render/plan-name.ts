import type { OfPlan } from "../../core/api/answers.ts";

/**
 * A plan's name in a list: `nightly`, or `nightly (deleted)`, for another may have the name now.
 */
export const planNameText = ({ planName, isPlanDeleted }: OfPlan): string =>
  isPlanDeleted ? `${planName} (deleted)` : planName;
