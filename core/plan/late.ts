import type { Instant } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import { earlier } from "../ports/clock.ts";
import { previewRuns } from "../schedule/slots.ts";

/** What a target's lateness is judged by. */
export type Punctual = Pick<Plan, "status" | "schedule" | "createdAt">;

export interface Lateness {
  /** Null: it never is, since the plan has no schedule, is not active, or has no two slots left. */
  readonly from: Instant | null;
  readonly isLate: boolean;
}

/**
 * From when on a target's newest restore point is older than the plan's cycle allows: the second
 * slot after it was taken, or after the plan was made. So one slot may be missed, and a run that
 * takes its time is no alarm.
 * @param newestTakenAt undefined: there is no restore point whose instant is believed
 */
export const latenessOf = (
  { status, schedule, createdAt }: Punctual,
  newestTakenAt: Instant | undefined,
  now: Instant,
): Lateness => {
  if (status !== "active" || schedule === undefined) return { from: null, isLate: false };
  const from = previewRuns(schedule, newestTakenAt ?? earlier(createdAt, now), 2)[1] ?? null;
  return { from, isLate: from !== null && from < now };
};
