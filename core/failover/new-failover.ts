import type { Failover } from "../api/failover/failover.ts";
import type { Instant } from "../api/ids.ts";
import { addSeconds } from "../ports/clock.ts";

/** A failover that was just confirmed. */
export const newFailover = (
  options: Pick<Failover, "id" | "planId" | "planName" | "kind" | "home" | "to" | "wishes"> &
    Partial<Pick<Failover, "placeBefore" | "group" | "forSeconds" | "madeThere" | "warnings">> & {
      readonly now: Instant;
    },
): Failover => {
  const { now, group, kind, warnings = [], ...rest } = options;
  return {
    ...rest,
    kind,
    createdAt: now,
    state: "looking",
    since: now,
    attempt: 1,
    stage: 0,
    ...(group !== undefined && { group, homeGroup: group }),
    // Also where it halts before it is one.
    ...(kind === "test" && { until: addSeconds(now, rest.forSeconds ?? 0) }),
    made: rest.madeThere === undefined ? [] : [rest.madeThere],
    madeBeside: [],
    stopsHere: [],
    stopsThere: [],
    warnings: [...warnings],
    steps: [{ state: "looking", at: now }],
  };
};
