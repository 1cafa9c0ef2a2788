import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import type { Instant } from "./ids.ts";

/** So many minutes, hours, days or weeks. */
export const ago = /^([1-9]\d{0,4})([mhdw])$/;

/** `2026-03-01 01:00:00 UTC`, as it is printed; with less of it, too. */
const printed = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?: ([A-Za-z]\S*))?$/;

/**
 * The instant of a time as it is printed, in UTC unless it names a zone. Undefined: it is
 * none, or there is no such zone.
 */
export const printedInstant = (text: string): Instant | undefined => {
  const [, day, time, zone = "UTC"] = printed.exec(text) ?? [];
  if (day === undefined) return undefined;
  try {
    const local = Temporal.PlainDateTime.from(`${day}T${time}`);
    return new Date(local.toZonedDateTime(zone).epochMilliseconds).toISOString() as Instant;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/**
 * From when on something is listed: `24h`, `7d`, `2w` before now, a day (UTC), an instant, or a
 * time as it is printed.
 */
export const sinceSchema = z.union(
  [
    z.string().regex(ago),
    z.iso.date(),
    z.iso.datetime({ offset: true }).max(64),
    z
      .string()
      .max(64)
      .refine((text) => printedInstant(text) !== undefined),
  ],
  "how long ago, such as 24h or 7d, or a time, such as 2026-03-01 01:00 (UTC) or 2026-03-01T01:00:00Z",
);
export type Since = z.infer<typeof sinceSchema>;
