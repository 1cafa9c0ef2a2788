import type { Instant, RunId, SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { hasEnded, partsOf, takerOf, takesGroup } from "../../core/run/steps.ts";
import { readRange } from "../documents/ranges.ts";
import { expiriesKey, expiriesPrefix, expiryKey, groupKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun } from "./runs.ts";

/**
 * What is known of a run is kept as long as one of its groups is there, since restores and
 * increments are made from its facts, and this long after the last one is gone, or after the end of
 * a run that made none. Then it is deleted, in a job of its own: until then nothing is touched, so
 * a group that comes back finds all that there was.
 */
export const historyKeptSeconds = 90 * 24 * 3600;

export const historyExpiry = (deps: Pick<Deps, "clock">): { readonly expiresAt: Instant } => ({
  expiresAt: addSeconds(deps.clock.now(), historyKeptSeconds),
});

/**
 * Has a run be deleted in time, if it has no group then. Of what is decided more than once the last
 * counts. To be committed with what makes it useless.
 */
export const expires = ({ clock }: Pick<Deps, "clock">, runId: RunId): readonly Change[] => {
  const at = addSeconds(clock.now(), historyKeptSeconds);
  return [
    { type: "put", key: expiryKey(runId), body: { at }, expect: "any" },
    { type: "put", key: expiriesKey(at, runId), body: { at, runId }, expect: "any" },
  ];
};

/** Has a run that is over and has no group be deleted in time. Idempotent. */
export const expireIfUseless = async (deps: Deps, run: Run): Promise<void> => {
  if (!isOver(run) || (await hasGroup(deps, run))) return;
  await deps.store.commit(expires(deps, run.id));
};

const isOver = (run: Run): boolean => partsOf(run).every(([, part]) => hasEnded(part));

const isGone: ReadonlySet<string> = new Set(["deleted", "lost"]);

/** A rebuild makes none, though a run of the same instant may have one of that name. */
const hasGroup = async ({ store }: Deps, run: Run): Promise<boolean> => {
  if (!takesGroup(run.kind)) return false;
  const sites = new Set<SiteId>([takerOf(run), ...partsOf(run).map(([target]) => target)]);
  const groups = await Promise.all(
    [...sites].map((siteId) => store.get<{ state: string }>(groupKey(run.groupId, siteId))),
  );
  return groups.some((group) => group !== undefined && !isGone.has(group.body.state));
};

const entriesPerPage = 20;
const documentsPerPage = 100;

interface Entry {
  readonly at: Instant;
  readonly runId: RunId;
}

/**
 * Deletes the runs whose time has come, until it is told that its own time is up; what is left goes
 * on from there the next time. One that fails, since a newer version wrote it for one, is left to
 * the next time as well, and keeps none of the others.
 * @returns how many runs were looked at
 */
export const deleteExpired = async (deps: Deps, isTimeUp: () => boolean): Promise<number> => {
  const { partition } = expiriesKey("", "" as RunId);
  let count = 0;
  const entries = readRange<Entry>(deps, { partition, sort: expiriesPrefix }, { perPage: entriesPerPage });
  for await (const { body } of entries) {
    if (body.at > deps.clock.now() || isTimeUp() || !(await tryToDelete(deps, body, isTimeUp))) return count;
    count += 1;
  }
  return count;
};

/** @returns as `deleteOne`; a failure is dealt with, for now */
const tryToDelete = async (deps: Deps, entry: Entry, isTimeUp: () => boolean): Promise<boolean> => {
  try {
    return await deleteOne(deps, entry, isTimeUp);
  } catch (error) {
    deps.log.error(
      { runId: entry.runId, error: error instanceof Error ? error.message : String(error) },
      "a run that is of no use any more could not be deleted",
    );
    return true;
  }
};

/** @returns whether it is dealt with; false when there was no time for all of it */
const deleteOne = async (deps: Deps, { at, runId }: Entry, isTimeUp: () => boolean): Promise<boolean> => {
  const entry = expiriesKey(at, runId);
  const decided = await deps.store.get<{ at: Instant }>(expiryKey(runId));
  if (decided?.body.at === at && (await isUseless(deps, runId))) {
    if (!(await deleteRun(deps, runId, isTimeUp))) return false;
    await deps.store.deleteAll([expiryKey(runId)]);
  }
  await deps.store.deleteAll([entry]);
  return true;
};

const isUseless = async (deps: Deps, runId: RunId): Promise<boolean> => {
  const loaded = await loadRun(deps, runId);
  // It was begun to delete it.
  if (loaded === undefined) return true;
  const { run } = loaded;
  // What still holds a lane, by whichever clock its time has come, gets its end
  // anew when it lets go.
  const isSettled = partsOf(run).every(([, part]) => !part.unsettled);
  return isOver(run) && isSettled && !(await hasGroup(deps, run));
};

/** The run vanishes at once, and then what hangs on it, page by page. */
const deleteRun = async (deps: Deps, runId: RunId, isTimeUp: () => boolean): Promise<boolean> => {
  const loaded = await loadRun(deps, runId);
  if (loaded !== undefined) {
    const keys = [loaded.head, ...loaded.parts.values()].map(({ key }) => key);
    await deps.store.commit(keys.map((key): Change => ({ type: "delete", key, expect: "any" })));
  }
  const { partition, sort: note } = expiryKey(runId);
  for (;;) {
    const { items } = await deps.store.query<object>({ partition, limit: documentsPerPage });
    const keys: Key[] = items.map(({ key }) => key).filter(({ sort }) => sort !== note);
    if (keys.length === 0) return true;
    if (isTimeUp()) return false;
    await deps.store.deleteAll(keys);
  }
};
