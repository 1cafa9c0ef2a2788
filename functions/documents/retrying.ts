import { setTimeout as wait } from "node:timers/promises";
import { VisibleError } from "../../core/api/errors.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";

/** Tries of one step against others who write the same document; each loser was overtaken by somebody's success. */
const commitTriesMax = 30;

/**
 * Does something that somebody else's write in between makes fail, again from its beginning.
 * @throws VisibleError CONFLICT when others were faster every time
 */
export const retrying = async <T>({ ids }: Pick<Deps, "ids">, attempt: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
      if (tries >= commitTriesMax) {
        throw new VisibleError("CONFLICT", "Others kept changing the same document.", {
          hint: "Try again.",
          cause: error,
        });
      }
      await wait(Math.min(500, 5 * 2 ** tries) * ids.fraction());
    }
  }
};
