import type { PlanId } from "../api/ids.ts";

/** Fresh identifiers and chance, for code that may not make its own. */
export interface Ids {
  planId(): PlanId;
  /** A number in [0, 1), for jitter. */
  fraction(): number;
}
