import type { Instant } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";

/** A look that is so near would come before the next change. */
const nearSeconds = 20;

/**
 * When a document is to be looked at. To be looked at earlier than need be costs less than moving
 * it in the index with each change, so what it had stays while it is early enough, and not near.
 */
export const dueBy = (wanted: Instant, now: Instant, before: Instant | undefined): Instant =>
  before !== undefined && before > addSeconds(now, nearSeconds) && before <= wanted ? before : wanted;

/** What has changed is carried out right after; the sweep looks whether it was after this long. */
export const lookAfterSeconds = 60;
