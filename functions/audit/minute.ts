import type { Instant } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";

const minuteSeconds = 60;
/** Processes whose clocks differ by less count in the same minute. */
const graceSeconds = 10;
/** When nobody sweeps. */
const keptSeconds = 24 * 3600;

/** In which minute something is counted, and when it is due to be told. */
export const minuteOf = (at: Instant) => {
  const minute = at.slice(0, "2026-03-01T01:00".length);
  const dueAt = addSeconds(`${minute}:00.000Z` as Instant, minuteSeconds + graceSeconds);
  return { minute, dueAt, expiresAt: addSeconds(at, keptSeconds) };
};
