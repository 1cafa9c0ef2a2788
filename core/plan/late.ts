import type { Instant, SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import { earlier, isAhead, later } from "../ports/clock.ts";
import { previewRuns } from "../schedule/slots.ts";

/** What a target's lateness is judged by. */
export type Punctual = Pick<Plan, "status" | "schedule" | "createdAt" | "slotsSince" | "resumedAt" | "targetsSince">;

export interface Lateness {
  /** Null: it never is, since the plan has no schedule, is not active, or has no two slots left. */
  readonly from: Instant | null;
  readonly isLate: boolean;
}

/**
 * From when on a target's newest restore point is older than the plan's cycle allows: the second
 * slot after it was taken, or after the plan was made. So one slot may be missed, and a run that
 * takes its time is no alarm. No slots were owed before the schedule became what it is, the plan was
 * resumed, or the target was added: it counts from the last of them.
 * @param newestTakenAt undefined: there is no restore point whose instant is believed
 */
export const latenessOf = (
  plan: Punctual,
  site: SiteId,
  { newestTakenAt, now }: { readonly newestTakenAt: Instant | undefined; readonly now: Instant },
): Lateness => {
  const { status, schedule, createdAt } = plan;
  if (status !== "active" || schedule === undefined) return { from: null, isLate: false };
  const since = owedSince(plan, site, now).reduce(later, newestTakenAt ?? earlier(createdAt, now));
  const from = previewRuns(schedule, since, 2)[1] ?? null;
  return { from, isLate: from !== null && from < now };
};

/** What a clock that was ahead has written is not believed: the target would not be late for as long. */
const owedSince = ({ slotsSince, resumedAt, targetsSince = [] }: Punctual, site: SiteId, now: Instant) => {
  const added = targetsSince.find((one) => one.site === site)?.since;
  return [slotsSince, resumedAt, added].flatMap((at) => (at === undefined || isAhead(at, now) ? [] : [at]));
};
