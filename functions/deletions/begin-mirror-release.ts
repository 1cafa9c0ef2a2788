import type { PlanId, SiteId } from "../../core/api/ids.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { tryDrain } from "../engine/engine.ts";
import type { Deps } from "../ports/deps.ts";
import { readPlan } from "../queries/plans.ts";
import type { InFailover } from "../restores/begin.ts";
import { deletionRun } from "./deletion-run.ts";

interface Release {
  readonly planId: PlanId;
  readonly siteId: SiteId;
  readonly inFailover: InFailover;
}

/**
 * Begins to release the mirrors that a plan has at a site to which it copies no more; its groups
 * there stay. A later run makes mirrors anew, from a group of the site.
 * @throws VisibleError PLAN_UNKNOWN
 */
export const beginMirrorRelease = async (deps: Deps, { planId, siteId, inFailover }: Release): Promise<void> => {
  const plan = await readPlan(deps, planId);
  const site = { siteId, groups: [], mirrors: true };
  const told = { sites: [site], last: false, despiteKeepUntil: false };
  const { outbox, changes } = deletionRun(
    { plan, upTo: Math.max(1, plan.sequence), told },
    { ...inFailover, now: deps.clock.now() },
  );
  // Who was faster has begun the same.
  if (await ignoringConflict(() => deps.store.commit(changes))) await tryDrain(deps, outbox);
};
