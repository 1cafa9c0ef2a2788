import { VisibleError } from "../../core/api/errors.ts";
import { deletionIdOf, type Instant, type PlanId, restoreIdOf, runIdOf } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { runKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * The first slot, from now on, in which neither a run of the plan nor what a person has asked for
 * has its name: what they make has it too.
 * @throws VisibleError CONFLICT
 */
export const freeSlot = async (deps: Pick<Deps, "store">, planId: PlanId, now: Instant): Promise<Instant> => {
  for (let ahead = 0; ahead < slotsLookedAtMax; ahead += 1) {
    const slot = addSeconds(now, ahead / 1000);
    const ids = [restoreIdOf(planId, slot), deletionIdOf(planId, slot), runIdOf(planId, slot)];
    const taken = await Promise.all(ids.map((id) => deps.store.get(runKey(id))));
    if (taken.every((one) => one === undefined)) return slot;
  }
  throw new VisibleError("CONFLICT", "Too many restores of the plan began just now.", { hint: "Try again." });
};

const slotsLookedAtMax = 1000;
