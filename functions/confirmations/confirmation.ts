import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Deps } from "../ports/deps.ts";

/** So long what was seen can be confirmed. */
const goodSeconds = 600;

/** @param digestOf of all that would be done, with an instant */
export const confirmationOf = ({ clock }: Pick<Deps, "clock">, digestOf: (until: string) => string) => {
  const until = addSeconds(clock.now(), goodSeconds);
  return { confirmation: `${until}~${digestOf(until)}`, until };
};

/**
 * Refuses what is not what was seen, or was seen too long ago. Whoever makes a confirmation up has
 * worked out what it is about, which is as good.
 * @param words what would have been done, and that it was not
 * @throws VisibleError PREVIEW_STALE
 */
export const refuseStale = (
  { clock }: Pick<Deps, "clock">,
  confirmation: string,
  digestOf: (until: string) => string,
  words: { readonly would: string; readonly nothing: string },
): void => {
  const [until = "", digest] = confirmation.split("~");
  const now = clock.now();
  const isInTime = now <= until && (until as Instant) <= addSeconds(now, goodSeconds);
  if (isInTime && digest === digestOf(until)) return;
  const why = isInTime ? `What would ${words.would} is not what the preview showed` : "The preview was too long ago";
  throw new VisibleError("PREVIEW_STALE", `${why}: ${words.nothing}.`, {
    hint: "Look at it again, and confirm that.",
  });
};
