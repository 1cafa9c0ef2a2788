import type { HistoryEntry, RunListEntry } from "../../core/api/answers.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import type { NamedPlan } from "./across-plans.ts";
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

/** A page of a plan's runs, restores and skipped slots that are wanted, the newest first. A page may be short. */
export const listRunsOf = async (
  deps: Pick<Deps, "store" | "log">,
  { id, name }: NamedPlan,
  filter: RunFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<RunListEntry>> => {
  const items: RunListEntry[] = [];
  let unreadable = 0;
  let next = cursor;
  for (let reads = 0; reads < readsMax; reads += 1) {
    const room = limit - items.length;
    const perRead = filter.since === undefined ? room : Math.min(room, entriesPerRead);
    const page = await listHistory(deps, id, { limit: perRead, cursor: next });
    items.push(...page.items.flatMap((entry) => (isWanted(entry, filter) ? [{ ...entry, planName: name }] : [])));
    unreadable += page.unreadable ?? 0;
    next = isBefore(page.items.at(-1), filter) ? undefined : page.cursor;
    if (next === undefined || items.length >= limit) break;
  }
  return { items, ...(next !== undefined && { cursor: next }), ...(unreadable > 0 && { unreadable }) };
};

const isWanted = (entry: HistoryEntry, { site, since }: RunFilter): boolean => {
  const until = entry.type === "run" ? entry.run.slot : entry.skip.lastSlot;
  return (since === undefined || until >= since) && (site === undefined || isAt(entry, site));
};

const isAt = (entry: HistoryEntry, site: SiteId): boolean =>
  entry.type === "run" && (entry.run.source === site || entry.run.targets[site] !== undefined);

/** The list is in the order of slots: what follows is before it as well. */
const isBefore = (entry: HistoryEntry | undefined, { since }: RunFilter): boolean => {
  if (entry === undefined || since === undefined) return false;
  return (entry.type === "run" ? entry.run.slot : entry.skip.firstSlot) < since;
};
