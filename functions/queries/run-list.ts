import type { HistoryEntry, RunListEntry } from "../../core/api/answers.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import { filledPage, type Page, type PageRequest } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import { type NamedPlan, ofPlan } from "./across-plans.ts";
import { listHistory } from "./history.ts";

export interface RunFilter {
  /** Runs that this site is part of, as source or target; no skipped slots, which have no sites. */
  readonly site?: SiteId | undefined;
  /** Runs of slots that are not before this. */
  readonly since?: Instant | undefined;
}

/** Few plans have had more runs than this since yesterday. */
const entriesPerRead = 10;
const readsMax = 10;

/**
 * A page of a plan's runs, restores and skipped slots that are wanted, the newest first.
 * A page may be short.
 */
export const listRunsOf = (
  deps: Pick<Deps, "store" | "log">,
  plan: NamedPlan,
  filter: RunFilter,
  request: PageRequest,
): Promise<Page<RunListEntry>> =>
  filledPage(request, readsMax, async ({ limit, cursor }) => {
    const perRead = filter.since === undefined ? limit : Math.min(limit, entriesPerRead);
    const { items, cursor: next, ...page } = await listHistory(deps, plan.id, { limit: perRead, cursor });
    const isOver = next === undefined || isBefore(items.at(-1), filter);
    return {
      ...page,
      items: items.flatMap((entry) => (isWanted(entry, filter) ? [{ ...entry, ...ofPlan(plan) }] : [])),
      ...(!isOver && { cursor: next }),
    };
  });

const isWanted = (entry: HistoryEntry, { site, since }: RunFilter): boolean => {
  const until = entry.type === "run" ? entry.run.slot : entry.skip.lastSlot;
  return (since === undefined || until >= since) && (site === undefined || isAt(entry, site));
};

const isAt = (entry: HistoryEntry, site: SiteId): boolean =>
  entry.type === "run" && (entry.run.source === site || entry.run.at === site || entry.run.targets[site] !== undefined);

/** The list is in the order of slots: what follows is before it as well. */
const isBefore = (entry: HistoryEntry | undefined, { since }: RunFilter): boolean => {
  if (entry === undefined || since === undefined) return false;
  return (entry.type === "run" ? entry.run.slot : entry.skip.firstSlot) < since;
};
