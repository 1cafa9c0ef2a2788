import type { Instant, RunId, SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { type Change, CommitConflict, type Key, type Stored } from "../../core/ports/store.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import type { Deps } from "../deps.ts";
import { expiryKey, groupKey, runKey, runPlanKey } from "../records.ts";
import { documentsPerCommitMax, parted } from "./parted.ts";

/**
 * What is known of a run is kept as long as one of its groups is there, since restores and
 * increments are made from its facts, and this long after the last one is gone, or after the end of
 * a run that made none.
 */
export const historyKeptSeconds = 90 * 24 * 3600;

export const historyExpiry = (deps: Pick<Deps, "clock">): { readonly expiresAt: Instant } => ({
  expiresAt: addSeconds(deps.clock.now(), historyKeptSeconds),
});

/**
 * Has the store drop a run's documents in time, when the run is over and no site has a group of it.
 * Nothing is left to be needed by anybody: each document is only written with its end on condition
 * that there is still no group. Idempotent.
 * @param hasMore something was written to a run that may have its end already
 */
export const expireIfUseless = async (deps: Deps, runId: RunId, { hasMore = false } = {}): Promise<void> => {
  const run = await deps.store.get<Run>(runKey(runId));
  if (run === undefined || !partsOf(run.body).every(([, part]) => hasEnded(part))) return;
  const groups = await groupsOf(deps, run.body);
  if (groups === undefined) return;
  if (!hasMore && (await deps.store.get(expiryKey(runId))) !== undefined) return;
  const { expiresAt } = historyExpiry(deps);
  // First of all, so that whoever finds a group later knows that there is something to take back.
  const begun: Change = { type: "put", key: expiryKey(runId), body: { expiresAt }, expect: "any", expiresAt };
  try {
    await deps.store.commit([begun, ...groups]);
    for await (const documents of batches(deps, run)) {
      const puts = documents.map(({ key, body, version }): Change => {
        return { type: "put", key, body, expect: { version }, expiresAt };
      });
      await deps.store.commit([...puts, ...groups]);
    }
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
    // A group has come to be after all, or somebody writes to the run; what was marked is taken
    // back, and it is kept.
    await keepRun(deps, runId);
  }
};

/**
 * A group of the run has come to be: whatever was to be dropped is kept. Idempotent; to be called
 * after the group is written down.
 */
export const keepRun = async (deps: Deps, runId: RunId): Promise<void> => {
  if ((await deps.store.get(expiryKey(runId))) === undefined) return;
  const run = await deps.store.get<Run>(runKey(runId));
  if (run !== undefined) {
    for await (const documents of batches(deps, run)) {
      await deps.store.commit(
        documents.map(({ key, body, version }): Change => ({ type: "put", key, body, expect: { version } })),
      );
    }
  }
  await deps.store.commit([{ type: "delete", key: expiryKey(runId), expect: "any" }]);
};

/**
 * That no site has a group of the run, as conditions; undefined when one has. What is lost may come
 * back for as long as it is known.
 */
const groupsOf = async (deps: Deps, run: Run): Promise<readonly Change[] | undefined> => {
  const sites = new Set<SiteId>([run.source, ...partsOf(run).map(([target]) => target)]);
  const checks: Change[] = [];
  for (const siteId of sites) {
    const key = groupKey(run.groupId, siteId);
    const stored = await deps.store.get<{ state: string }>(key);
    if (stored !== undefined && stored.body.state !== "deleted" && stored.body.state !== "lost") return undefined;
    checks.push({ type: "check", key, expect: stored === undefined ? "absent" : { version: stored.version } });
  }
  return checks;
};

/**
 * The run, and what is in its own partition but for the note of its expiry, in parts that fit into
 * a transaction.
 */
async function* batches(deps: Deps, run: Stored<Run>): AsyncGenerator<readonly Stored<object>[]> {
  yield [run];
  const { partition } = runPlanKey(run.body.id);
  const note: Key = expiryKey(run.body.id);
  let cursor: string | undefined;
  do {
    const from = cursor === undefined ? {} : { cursor };
    const page = await deps.store.query<object>({ partition, limit: documentsPerCommitMax, ...from });
    yield* parted(page.items.filter(({ key }) => key.sort !== note.sort));
    cursor = page.cursor;
  } while (cursor !== undefined);
}
