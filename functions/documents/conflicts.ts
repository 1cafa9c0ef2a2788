import { VisibleError } from "../../core/api/errors.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { tryAgain } from "../../core/waiting/try-again.ts";
import { processWaiting } from "../concurrency/waiting.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * Of one step against others who write the same document; each loser was overtaken
 * by somebody's success.
 */
const tries = { triesMax: 30, backoffMs: { first: 10, max: 500, jitter: 1 }, time: processWaiting };

/**
 * Does something that somebody else's write in between makes fail, again from its beginning.
 * @param options.others what they did, for the message
 * @param options.isOvertaken whether a failure is one of these; a `CommitConflict`,
 * unless told otherwise
 * @throws VisibleError CONFLICT when others were faster every time
 */
export const retrying = async <T>(
  { ids }: Pick<Deps, "ids">,
  work: () => Promise<T>,
  options: { readonly others?: string; readonly isOvertaken?: (failure: unknown) => boolean } = {},
): Promise<T> => {
  const { others = "Others kept changing the same document.", isOvertaken = isConflict } = options;
  try {
    return await tryAgain({ ...tries, fraction: () => ids.fraction(), mayHelp: isOvertaken }, work);
  } catch (error) {
    if (!isOvertaken(error)) throw error;
    throw new VisibleError("CONFLICT", others, { hint: "Try again.", cause: error });
  }
};

/** Writes unless somebody else has written meanwhile. @returns whether it went through */
export const ignoringConflict = async (write: () => Promise<void>): Promise<boolean> => {
  try {
    await write();
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
};

const isConflict = (error: unknown): boolean => error instanceof CommitConflict;
