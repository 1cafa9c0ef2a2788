import type { Instant } from "../../core/api/ids.ts";

/**
 * When a document is to be looked at. To be looked at earlier than need be costs less than moving
 * it in the index with each change, so what it had stays while it is to come, and early enough.
 */
export const dueBy = (wanted: Instant, now: Instant, before: Instant | undefined): Instant =>
  before !== undefined && before > now && before <= wanted ? before : wanted;

/** What has changed is carried out right after; the sweep looks whether it was after this long. */
export const lookAfterSeconds = 60;
