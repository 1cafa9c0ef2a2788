import type { Instant } from "../api/ids.ts";
import { ago, printedInstant, type Since } from "../api/since.ts";
import { addSeconds } from "../ports/clock.ts";

const unitSeconds = { m: 60, h: 3600, d: 86_400, w: 604_800 } as const;

/** The instant that is meant, as of now. */
export const sinceInstant = (since: Since, now: Instant): Instant => {
  const [, count, unit] = ago.exec(since) ?? [];
  if (count === undefined) return printedInstant(since) ?? (new Date(since).toISOString() as Instant);
  return addSeconds(now, -Number(count) * unitSeconds[unit as keyof typeof unitSeconds]);
};
