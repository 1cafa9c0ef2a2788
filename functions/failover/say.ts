import type { Failover, FailoverCommand } from "../../core/api/failover/failover.ts";
import type { FailoverId } from "../../core/api/ids.ts";
import { commandRefusal } from "../../core/failover/refusal.ts";
import type { Deps } from "../ports/deps.ts";
import { changeFailover, needFailover } from "./failovers.ts";
import { tryToGoOn } from "./go-on.ts";

interface Said {
  readonly command: FailoverCommand;
  readonly discardChanges: boolean;
}

/**
 * A person says something to a failover. Twice is as good as once.
 * @throws VisibleError FAILOVER_UNKNOWN, CONFLICT, and why it is refused: FAILOVER_ENDED,
 *   NOT_FAILED_OVER, NOTHING_TO_CONTINUE
 */
export const sayToFailover = async (
  deps: Deps,
  id: FailoverId,
  { command: type, discardChanges }: Said,
): Promise<Failover> => {
  await changeFailover(deps, id, (failover) => {
    const refusal = commandRefusal(failover, type);
    if (refusal !== undefined) throw refusal;
    return { type, discardChanges };
  });
  await tryToGoOn(deps, id);
  return needFailover(deps, id);
};
