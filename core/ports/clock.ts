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

/**
 * Clocks that are right differ by seconds, and one that nobody sets by a few minutes. What was kept
 * or told and lies further ahead of now than this comes from a clock that was wrong: it is not
 * waited for, but put back.
 */
export const aheadSecondsMax = 600;

/**
 * Clocks that differ by more than this are told of: certificates and signatures put
 * up with five minutes.
 */
export const clockOffSecondsMax = 60;

/**
 * Whether an instant that was kept lies so far ahead that a clock was wrong: the one that it was
 * taken from, or the one of now.
 */
export const isAhead = (kept: Instant, now: Instant): boolean => secondsBetween(now, kept) > aheadSecondsMax;

/**
 * What a site says of when something was that happened within a span: the span's end where it says
 * another one. Where a clock was set back between the two, the span's second end.
 */
export const within = (told: Instant, [from, until]: readonly [from: Instant, until: Instant]): Instant =>
  earlier(later(told, from), until);

/** The later of two instants. */
export const later = (one: Instant, other: Instant): Instant => (one > other ? one : other);

/** The earlier of two instants. */
export const earlier = (one: Instant, other: Instant): Instant => (one < other ? one : other);
