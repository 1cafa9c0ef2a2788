import type { HistoryEntry, RunSummary } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { PlanId } from "../../core/api/ids.ts";
import type { Run, Skip } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { partsOf, statusOf } from "../../core/run/steps.ts";
import type { Deps } from "../deps.ts";
import { planKey, runPrefix, skipPrefix } from "../records.ts";
import { encodeCursor } from "../store-rules.ts";
import type { Page, PageRequest } from "./page.ts";

type Store = Pick<Deps, "store">;
/** `place`: the slot that is part of the key, which is what the two lists are in the order of. */
type Entry = { readonly place: string; readonly stored: Stored<object>; readonly entry: HistoryEntry };

/** A cursor into the merged list: where each of the two lists goes on. `-` is the beginning. */
const beginning = "-";

/** A plan's runs and skips as one list, the newest first. */
export const listHistory = async (
  deps: Store,
  planId: PlanId,
  { limit, cursor = `${beginning}.${beginning}` }: PageRequest,
): Promise<Page<HistoryEntry>> => {
  const [runsAfter, skipsAfter] = cursorsIn(cursor);
  const [runs, skips] = await Promise.all([
    newest<Run>(deps, planId, runPrefix, limit, runsAfter),
    newest<Skip>(deps, planId, skipPrefix, limit, skipsAfter),
  ]);
  const all: Entry[] = [
    ...runs.items.map((stored) => runEntry(stored)),
    ...skips.items.map((stored) => skipEntry(stored)),
  ].sort((one, other) => (one.place < other.place ? 1 : one.place > other.place ? -1 : 0));
  const shown = all.slice(0, limit);
  const items = shown.map(({ entry }) => entry);
  const isLast = shown.length === all.length && runs.cursor === undefined && skips.cursor === undefined;
  if (isLast) return { items };
  const goesOn = (type: HistoryEntry["type"], before: string) => {
    const last = shown.findLast(({ entry }) => entry.type === type);
    return last === undefined ? before : encodeCursor(last.stored.key.sort);
  };
  return { items, cursor: `${goesOn("run", runsAfter)}.${goesOn("skip", skipsAfter)}` };
};

const cursorsIn = (cursor: string): readonly [string, string] => {
  const [runsAfter, skipsAfter, ...rest] = cursor.split(".");
  if (runsAfter && skipsAfter && rest.length === 0) return [runsAfter, skipsAfter];
  throw new VisibleError("BAD_REQUEST", "The cursor is not one that this list gave.", {
    hint: "Leave the cursor out to begin again at the first page.",
  });
};

const newest = <T>({ store }: Store, planId: PlanId, prefix: string, limit: number, after: string) =>
  store.query<T>({
    partition: planKey(planId).partition,
    prefix,
    limit,
    descending: true,
    ...(after === beginning ? {} : { cursor: after }),
  });

const runEntry = (stored: Stored<Run>): Entry => ({
  place: stored.body.id.slice(stored.body.id.lastIndexOf("_") + 1),
  stored,
  entry: { type: "run", run: runSummaryOf(stored.body) },
});

const skipEntry = (stored: Stored<Skip>): Entry => ({
  place: stored.body.firstSlot.replaceAll(/[-:.]/g, ""),
  stored,
  entry: { type: "skip", skip: stored.body },
});

/** The run without what only its state machine needs. */
export const runSummaryOf = (run: Run): RunSummary => ({
  ...run,
  status: statusOf(run),
  targets: Object.fromEntries(
    partsOf(run).map(([site, { pending: _, inFlight: __, silence: ___, deadline: ____, ...part }]) => [site, part]),
  ),
});
