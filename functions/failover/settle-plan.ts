import type { Failover } from "../../core/api/failover/failover.ts";
import { endStates, movesPlan } from "../../core/failover/table.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { retrying } from "../documents/conflicts.ts";
import { applyToPlan } from "../engine/engine.ts";
import type { Deps } from "../ports/deps.ts";
import { readPlan } from "../queries/plans.ts";
import { whileStill } from "./failovers.ts";
import { keepGroups, letGroupsGo } from "./holds.ts";

/**
 * A failover's plan is moved by it, or is not any more, and the groups that it goes by are kept as
 * long as it has not ended. Idempotent; what somebody else has gone on with meanwhile stays as he
 * has it.
 */
export const settlePlan = async (deps: Deps, failover: Failover): Promise<void> => {
  await (endStates.has(failover.state) ? letGroupsGo(deps, failover) : keepGroups(deps, failover));
  if (failover.kind !== "test") await tellPlan(deps, failover);
};

/** The failover is in another state than it was decided for, or others change the plan. */
class Overtaken extends Error {}

const tellPlan = (deps: Deps, { id: failoverId, planId, ...failover }: Failover): Promise<void> =>
  retrying(
    deps,
    async () => {
      const isMoving = movesPlan({ ...failover, id: failoverId, planId });
      if (((await readPlan(deps, planId)).moving === failoverId) === isMoving) return;
      const guard = await whileStill(deps, failoverId, (now) => movesPlan(now) === isMoving);
      if (guard === undefined) return;
      let tries = 0;
      await applyToPlan(deps, planId, { type: isMoving ? "moving" : "moved", failoverId }, () => {
        tries += 1;
        if (tries > 1) throw new Overtaken();
        return [guard];
      });
    },
    { isOvertaken: (error) => error instanceof Overtaken || error instanceof CommitConflict },
  );
