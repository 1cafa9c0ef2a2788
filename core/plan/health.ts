import type { Instant, SiteId } from "../api/ids.ts";
import type { TargetHealth, TargetStatus } from "../api/status.ts";
import { latenessOf, type Punctual } from "./late.ts";

/** What is known of a plan's target before it is judged. */
export type Findings = Pick<TargetStatus, "newest" | "last" | "current">;

/**
 * How a target is: what is wrong goes before what goes on, and that before what is well. A
 * suspended plan is neither late nor failing: nobody waits for it; but what is damaged can't be
 * restored, whoever waits. A run that has ended and no
 * restore point is failing, however the run ended: there is nothing to restore.
 * @param newestTakenAt of the newest restore point whose instant is believed
 */
export const judgeTarget = (
  plan: Punctual,
  site: SiteId,
  { newest, last, current }: Findings,
  { newestTakenAt, now }: { readonly newestTakenAt: Instant | undefined; readonly now: Instant },
): Pick<TargetStatus, "state" | "isLate" | "isFailing" | "lateFrom"> => {
  const { from, isLate } = latenessOf(plan, site, { newestTakenAt, now });
  const isUnprotected = last !== null && newest === null;
  const isFailing = plan.status === "active" && (last?.state === "failed" || isUnprotected);
  const states: readonly (readonly [TargetHealth, boolean])[] = [
    ["late", isLate],
    ["failing", isFailing],
    ["damaged", newest?.damage !== undefined],
    ["suspended", plan.status === "suspended"],
    ["waiting", current !== null && current.waitsFor !== null],
    ["running", current !== null],
    ["never-run", newest === null && last === null],
  ];
  const state = states.find(([, is]) => is)?.[0] ?? "well";
  return { state, isLate, isFailing, lateFrom: from };
};
