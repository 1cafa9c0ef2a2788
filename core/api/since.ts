import { z } from "zod";
import { addSeconds } from "../ports/clock.ts";
import type { Instant } from "./ids.ts";

const unitSeconds = { m: 60, h: 3600, d: 86_400 } as const;
const ago = /^([1-9]\d{0,4})([mhd])$/;

/** From when on something is listed: `24h`, `7d`, `90m` before now, a day (UTC) or an instant. */
export const sinceSchema = z.union(
  [z.string().regex(ago), z.iso.date(), z.iso.datetime({ offset: true })],
  "how long ago, such as 24h or 7d, or an instant, such as 2026-03-01T01:00:00Z",
);
export type Since = z.infer<typeof sinceSchema>;

/** The instant that is meant, as of now. */
export const sinceInstant = (since: Since, now: Instant): Instant => {
  const [, count, unit] = ago.exec(since) ?? [];
  if (count === undefined) return new Date(since).toISOString() as Instant;
  return addSeconds(now, -Number(count) * unitSeconds[unit as keyof typeof unitSeconds]);
};
