import type { Group } from "../../core/api/group.ts";
import type { Reason } from "../../core/api/reason.ts";
import { siteOfObjects } from "../../core/plan/place.ts";
import { isNeededAt } from "../deletable/going.ts";
import { readGroups } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import type { Wanted } from "./going-now.ts";

/**
 * What the next run to a target of a living plan has to do since its newest restore point there
 * goes (I4): start from an older one, compare with it, or send everything.
 */
export const nextRunNotes = async (deps: Deps, { wish, plan, sites }: Wanted): Promise<readonly Reason[]> => {
  const [site] = sites;
  if (wish.type !== "group" || site === undefined || plan.kind !== "backup") return [];
  const { siteId, at, going } = site;
  if (siteId === siteOfObjects(plan) || !isNeededAt(plan, siteId)) return [];
  const published = at.here.map(({ body }) => body).filter(({ state }) => state === "published");
  const goes = new Set(going.map(({ body }) => body.id));
  const [newest] = published;
  if (newest === undefined || !goes.has(newest.id)) return [];
  const next = published.find(({ id }) => !goes.has(id));
  if (next === undefined) {
    return [
      { code: "NEXT_RUN_FULL", message: `No restore point is left at ${siteId}: the next run sends everything.` },
    ];
  }
  return [(await isAtSource(deps, next, siteOfObjects(plan))) ? fromOlder(next) : compares(next)];
};

const isAtSource = async (deps: Deps, { planId, id }: Group, source: Group["siteId"]): Promise<boolean> =>
  (await readGroups(deps, planId, source)).some(({ body }) => body.id === id && body.state === "published");

const fromOlder = ({ id, siteId }: Group): Reason => ({
  code: "NEXT_RUN_OLDER_BASE",
  message: `The next run to ${siteId} starts from ${id}: it sends all that has changed since that.`,
});

const compares = ({ id, siteId }: Group): Reason => ({
  code: "NEXT_RUN_COMPARES",
  message: `The source does not have ${id} any more, which is the newest left at ${siteId}: the next run reads everything, and sends what differs.`,
});
