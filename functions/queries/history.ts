import type { HistoryEntry, RunSummary } from "../../core/api/answers.ts";
import type { PlanId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import { type Run, type RunHead, runSchema, skipSchema, type TargetRun } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { partsBySite, statusOf } from "../../core/run/steps.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { type Page, type PageRequest, readable } from "../documents/page.ts";
import { planKey, runOfKey, runPrefix, skipPrefix } from "../documents/records.ts";
import { encodeCursor, foreignCursor } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";
import { assembled } from "../runs/runs.ts";
import { objectsIn } from "../runs/taken.ts";

type StoreAndLog = Pick<Deps, "store" | "log">;
/**
 * `place`: the slot that is part of the key, which is what the two lists are in the order of, and
 * which what can't be read has too.
 */
type Entry = { readonly type: HistoryEntry["type"]; readonly place: string; readonly stored: Stored<unknown> };

/** A cursor into the merged list: where each of the two lists goes on. `-` is the beginning. */
const beginning = "-";

/** A plan's runs and skips as one list, the newest first. */
export const listHistory = async (
  deps: StoreAndLog,
  planId: PlanId,
  { limit, cursor = `${beginning}.${beginning}` }: PageRequest,
): Promise<Page<HistoryEntry>> => {
  const [runsAfter, skipsAfter] = cursorsIn(cursor);
  const [runs, skips] = await Promise.all([
    newestRuns(deps, planId, limit, runsAfter),
    newest(deps, planId, skipPrefix, limit, skipsAfter),
  ]);
  const all = [...runs.items.map(runEntry), ...skips.items.map(skipEntry)].sort((one, other) =>
    one.place < other.place ? 1 : one.place > other.place ? -1 : 0,
  );
  const shown = all.slice(0, limit);
  const page = await withObjectCounts(deps, readShown(deps, shown));
  const isLast = shown.length === all.length && runs.cursor === undefined && skips.cursor === undefined;
  if (isLast) return page;
  const goesOn = (type: HistoryEntry["type"], before: string) => {
    const last = shown.findLast((entry) => entry.type === type);
    return last === undefined ? before : encodeCursor(last.stored.key.sort);
  };
  return { ...page, cursor: `${goesOn("run", runsAfter)}.${goesOn("skip", skipsAfter)}` };
};

const readsAtOnce = 8;

/** What rules have found, a run's snapshot knows. */
const withObjectCounts = async (deps: StoreAndLog, page: Shown): Promise<Page<HistoryEntry>> => {
  const items = await mapBounded(page.items, readsAtOnce, async (shown): Promise<HistoryEntry> => {
    if (shown.type === "skip") return shown;
    const objectCount = await objectsIn(deps, shown.run);
    return { type: "run", run: { ...runSummaryOf(shown.run), objectCount } };
  });
  return { ...page, items };
};

type SkipEntry = Extract<HistoryEntry, { type: "skip" }>;
type Shown = Page<{ readonly type: "run"; readonly run: Run } | SkipEntry>;

const readShown = (deps: StoreAndLog, shown: readonly Entry[]): Shown => {
  const read = shown.map(({ type, stored }): Shown => {
    if (type === "skip") {
      const { items, unreadable = 0 } = readable(deps, skipSchema, [stored]);
      return { items: items.map((skip) => ({ type, skip })), unreadable };
    }
    const { items, unreadable = 0 } = readable(deps, runSchema, [stored]);
    return { items: items.map((run) => ({ type, run })), unreadable };
  });
  const unreadable = read.reduce((sum, one) => sum + (one.unreadable ?? 0), 0);
  return { items: read.flatMap(({ items }) => items), ...(unreadable > 0 && { unreadable }) };
};

const cursorsIn = (cursor: string): readonly [string, string] => {
  const [runsAfter, skipsAfter, ...rest] = cursor.split(".");
  if (runsAfter && skipsAfter && rest.length === 0) return [runsAfter, skipsAfter];
  throw foreignCursor();
};

const newest = ({ store }: StoreAndLog, planId: PlanId, prefix: string, limit: number, after: string) =>
  store.query<unknown>({
    partition: planKey(planId).partition,
    prefix,
    limit,
    descending: true,
    cursor: after === beginning ? undefined : after,
  });

/**
 * Documents of runs and of their parts, as many as so many runs have at least: a run's parts come
 * before it.
 */
const newestRuns = async (deps: StoreAndLog, planId: PlanId, limit: number, after: string) => {
  const items: Stored<unknown>[] = [];
  let cursor: string | undefined;
  let heads = 0;
  for await (const page of pagesOf((from = after) => newest(deps, planId, runPrefix, limit, from))) {
    items.push(...page.items);
    heads += page.items.filter(({ key }) => runOfKey(key).target === undefined).length;
    ({ cursor } = page);
    if (heads >= limit) break;
  }
  return { items: Array.from(Map.groupBy(items, ({ key }) => runOfKey(key).runId).values(), whole).flat(), cursor };
};

/** A run as one document; a part whose run is damaged or gone is none. */
const whole = (documents: readonly Stored<unknown>[]): readonly Stored<unknown>[] => {
  const head = documents.find(({ key }) => runOfKey(key).target === undefined);
  if (head === undefined) return [];
  try {
    const [loaded] = assembled(documents as readonly Stored<RunHead | TargetRun>[]);
    return [{ ...head, body: loaded?.run }];
  } catch {
    return [head];
  }
};

const runEntry = (stored: Stored<unknown>): Entry => ({
  type: "run",
  place: stored.key.sort.split("#")[1] ?? "",
  stored,
});

const skipEntry = (stored: Stored<unknown>): Entry => ({
  type: "skip",
  place: stored.key.sort.slice(skipPrefix.length).replaceAll(/[-:.]/g, ""),
  stored,
});

/** The run without what only its state machine needs. */
export const runSummaryOf = (run: Run): RunSummary => ({
  ...run,
  status: statusOf(run),
  targets: Object.fromEntries(partsBySite(run).map(([site, { endedIn: _, unsettled: __, ...part }]) => [site, part])),
});
