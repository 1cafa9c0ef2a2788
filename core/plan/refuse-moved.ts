import { VisibleError } from "../api/errors.ts";
import type { Plan } from "../api/plan.ts";
import { isAway, siteOfObjects } from "./place.ts";

type Moved = Pick<Plan, "name" | "source" | "place" | "moving">;

/** @throws {VisibleError} FAILOVER_UNDER_WAY */
export const refuseMoving = (plan: Moved, what: string): void => {
  if (plan.moving === undefined) return;
  throw new VisibleError(
    "FAILOVER_UNDER_WAY",
    `${what}: the failover ${plan.moving} is moving the objects of the plan “${plan.name}”.`,
    { hint: `See how far it is with: smtx-backup failover show ${plan.name}` },
  );
};

/**
 * What can't be while a failover has the plan's objects.
 * @throws {VisibleError} FAILOVER_UNDER_WAY, PLAN_AWAY
 */
export const refuseMoved = (plan: Moved, what: string): void => {
  refuseMoving(plan, what);
  if (!isAway(plan)) return;
  throw new VisibleError(
    "PLAN_AWAY",
    `${what}: the objects of the plan “${plan.name}” are at site ${siteOfObjects(plan)}, and not at home, ${plan.source}.`,
    { hint: `Bring them home first: smtx-backup failback ${plan.name}` },
  );
};

/** A plan that is away, and of whose targets none answers. */
export const homeAbsent = ({ name, source }: Moved): VisibleError =>
  new VisibleError("HOME_ABSENT", `The plan “${name}” can't run: it copies to its home ${source}, which is silent.`, {
    hint: `See its gateways with: smtx-backup gateway list --site ${source}`,
  });
