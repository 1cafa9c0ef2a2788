import { VisibleError } from "../../core/api/errors.ts";
import type { Failover } from "../../core/api/failover/failover.ts";
import type { PlanPlace } from "../../core/api/plan.ts";
import { applyToPlan } from "../engine/engine.ts";
import type { Deps } from "../ports/deps.ts";
import { standInsHome } from "./orders.ts";
import type { StateWork } from "./work.ts";

/** The plan is placed; where somebody else moves it, nothing is done. */
const placed = (placeOf: (failover: Failover) => PlanPlace | undefined): StateWork => ({
  type: "act",
  act: async (deps: Deps, failover: Failover) => {
    const { id: failoverId, planId, planName } = failover;
    const place = placeOf(failover);
    const plan = await applyToPlan(deps, planId, { type: "place", failoverId, place });
    if (JSON.stringify(plan.place) === JSON.stringify(place)) return {};
    throw new VisibleError("FAILOVER_UNDER_WAY", `The plan “${planName}” is moved by another failover.`, {
      hint: `See it with: smtx-backup failover show ${planName}`,
    });
  },
});

export const placeThere = placed(({ id: failoverId, to: siteId, madeThere, since }) =>
  madeThere === undefined ? undefined : { siteId, standIns: [madeThere], failoverId, since },
);

/** At home: what was made there beside what is not overwritten stands for it. */
export const placeBack = placed((failover) => {
  const { id: failoverId, home: siteId, since, madeHere, placeBefore } = failover;
  return madeHere === undefined ? placeBefore : { siteId, standIns: [...standInsHome(failover)], failoverId, since };
});

export const placeBefore = placed(({ placeBefore: place }) => place);
