import type { Instant } from "../api/ids.ts";

/** The time, for code that may not look at a clock itself. */
export interface Clock {
  now(): Instant;
}

/** `instant` moved by a number of seconds, negative ones too. */
export const addSeconds = (instant: Instant, seconds: number): Instant =>
  new Date(Date.parse(instant) + Math.round(seconds * 1000)).toISOString() as Instant;

/** Seconds from `from` to `to`. */
export const secondsBetween = (from: Instant, to: Instant): number => (Date.parse(to) - Date.parse(from)) / 1000;
