import { VisibleError } from "../../core/api/errors.ts";
import type { Failover } from "../../core/api/failover/failover.ts";
import { type FailoverWish, testSecondsDefault } from "../../core/api/failover/request.ts";
import { failoverIdOf, type Instant, type PlanId } from "../../core/api/ids.ts";
import { newFailover } from "../../core/failover/new-failover.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { refuseStale } from "../confirmations/confirmation.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { failoverKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { believedAt } from "../queries/newest-group.ts";
import { putNew } from "./failovers.ts";
import { tryToGoOn } from "./go-on.ts";
import { digestOfFailover, madeElsewhere, readWantedFailover, type WantedFailover } from "./wanted.ts";

const words = { would: "be done", nothing: "nothing was begun" };

/**
 * Begins a failover that was previewed, on condition that the plan has no other one.
 * @throws VisibleError PREVIEW_STALE, FAILOVER_UNDER_WAY, and as `readWantedFailover`
 */
export const confirmFailover = async (
  deps: Deps,
  { wish, confirmation }: { readonly wish: FailoverWish; readonly confirmation: string },
): Promise<Failover> => {
  const wanted = await readWantedFailover(deps, wish);
  refuseStale(deps, confirmation, (until) => digestOfFailover(wanted, until), words);
  const failover = failoverOf(wanted, await freeInstant(deps, wanted.plan.id));
  if (!(await ignoringConflict(() => deps.store.commit(putNew(deps, failover))))) throw overtaken(wanted);
  await tryToGoOn(deps, failover.id);
  return failover;
};

/** By which none of the plan is known. */
const freeInstant = async ({ store, clock }: Pick<Deps, "store" | "clock">, planId: PlanId): Promise<Instant> => {
  let now = clock.now();
  while ((await store.get(failoverKey(failoverIdOf(planId, now)))) !== undefined) now = addSeconds(now, 0.001);
  return now;
};

const failoverOf = ({ wish, plan, group, notes }: WantedFailover, now: Instant): Failover => {
  const { kind, to, renames, pool, switches, forSeconds = testSecondsDefault, madeBy } = wish;
  return newFailover({
    ...{ id: failoverIdOf(plan.id, now), planId: plan.id, planName: plan.name, kind, home: plan.source, to, now },
    wishes: {
      ...(renames && { renames }),
      ...(pool !== undefined && { pool }),
      ...(switches && { switches }),
    },
    group: { id: group.id, takenAt: believedAt(group) },
    ...(plan.place && { placeBefore: plan.place }),
    ...(kind === "test" && { forSeconds }),
    ...(madeBy !== undefined && kind === "unplanned" && { madeThere: madeBy }),
    warnings: notes.filter(({ code }) => code === madeElsewhere),
  });
};

const overtaken = ({ plan: { name } }: WantedFailover) =>
  new VisibleError("FAILOVER_UNDER_WAY", `Somebody else has just begun a failover of the plan “${name}”.`, {
    hint: `See it with: smtx-backup failover show ${name}`,
  });
