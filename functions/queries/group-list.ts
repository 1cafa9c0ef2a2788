import type { GroupListEntry } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import type { NamedPlan } from "./across-plans.ts";
import { listGroups, withDamage } from "./groups.ts";
import { readNewest } from "./newest-group.ts";

export interface GroupFilter {
  readonly site?: SiteId | undefined;
  /** Groups that were not taken before this. */
  readonly since?: Instant | undefined;
}

/**
 * A page of a plan's groups that are wanted, by site and within it the newest first.
 * A page may be short.
 */
export const listGroupsOf = async (
  deps: Pick<Deps, "store" | "log">,
  { id, name }: NamedPlan,
  { site, since }: GroupFilter,
  request: PageRequest,
): Promise<Page<GroupListEntry>> => {
  const { items, cursor, ...page } = await listGroups(deps, id, site, request);
  const wanted = items.filter(({ takenAt }) => since === undefined || takenAt >= since);
  // Of one site they are in the order of time.
  const last = items.at(-1);
  const isOver = site !== undefined && since !== undefined && last !== undefined && last.takenAt < since;
  const next = isOver ? undefined : cursor;
  return {
    ...page,
    items: wanted.map((group) => ({ ...group, planName: name })),
    ...(next !== undefined && { cursor: next }),
  };
};

/**
 * A plan's newest group at a site that is there, by its number.
 * @throws {VisibleError} GROUP_UNKNOWN
 */
export const readLatestGroup = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  { id, name }: NamedPlan,
  site: SiteId,
): Promise<GroupListEntry> => {
  const { group } = await readNewest(deps, id, site);
  if (group !== undefined) return { ...(await withDamage(deps, group)), planName: name };
  throw new VisibleError("GROUP_UNKNOWN", `The plan “${name}” has no restore point on site “${site}”.`, {
    hint: `See which it has with: smtx-backup group list --plan ${name}`,
  });
};
