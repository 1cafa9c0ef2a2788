import type { Instant } from "../api/ids.ts";
import { ago, type Since } from "../api/since.ts";
import { addSeconds } from "../ports/clock.ts";

const unitSeconds = { m: 60, h: 3600, d: 86_400 } as const;

/** The instant that is meant, as of now. */
export const sinceInstant = (since: Since, now: Instant): Instant => {
  const [, count, unit] = ago.exec(since) ?? [];
  if (count === undefined) return new Date(since).toISOString() as Instant;
  return addSeconds(now, -Number(count) * unitSeconds[unit as keyof typeof unitSeconds]);
};
