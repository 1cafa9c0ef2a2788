import type { Instant } from "../api/ids.ts";
import { addSeconds } from "../ports/clock.ts";

/** What came by a rule and vanished goes with retention after so long. */
const goneKeptDays = 30;

/** Until when the newest copy of what came by a rule is kept. @param since the instant of the first run without it */
export const goneKeptUntil = (since: Instant): Instant => addSeconds(since, goneKeptDays * 24 * 3600);
