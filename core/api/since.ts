import { z } from "zod";

/** So many minutes, hours or days. */
export const ago = /^([1-9]\d{0,4})([mhd])$/;

/** From when on something is listed: `24h`, `7d`, `90m` before now, a day (UTC) or an instant. */
export const sinceSchema = z.union(
  [z.string().regex(ago), z.iso.date(), z.iso.datetime({ offset: true })],
  "how long ago, such as 24h or 7d, or an instant, such as 2026-03-01T01:00:00Z",
);
export type Since = z.infer<typeof sinceSchema>;
