import type { PlanId, RunId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import type { Run, RunHead, TargetRun } from "../../core/api/run.ts";
import { runSchema } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { hasLane } from "../../core/run/steps.ts";
import { planKey, runKey, runOfKey, runPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { assembled } from "../runs/runs.ts";

/** Of runs and their parts: the first page is mostly all that is read. */
const documentsOfFirstPage = 40;
const documentsPerPage = 200;
/** A month of hourly runs to two targets. */
const documentsMax = 2240;

/**
 * A plan's newest runs, the newest first, until somebody has seen enough; restores are left out. At
 * most so many are read as lie in 2240 documents. What can't be read is passed over.
 */
export async function* newestRuns({ store }: Pick<Deps, "store">, planId: PlanId): AsyncGenerator<Run> {
  const { partition } = planKey(planId);
  let rest: readonly Stored<RunHead | TargetRun>[] = [];
  let read = 0;
  const query = { partition, prefix: runPrefix, descending: true };
  const page = (cursor: string | undefined) => {
    const limit = cursor === undefined ? documentsOfFirstPage : documentsPerPage;
    return store.query<RunHead | TargetRun>({ ...query, limit, cursor });
  };
  for await (const { items } of pagesOf(page)) {
    const documents = [...rest, ...items];
    // A run's parts come before it: what follows the last head belongs to one that is not read yet.
    const end = documents.findLastIndex(({ key }) => runOfKey(key).target === undefined) + 1;
    yield* backupsIn(documents.slice(0, end));
    rest = documents.slice(end);
    read += items.length;
    if (read >= documentsMax) return;
  }
}

const backupsIn = (documents: readonly Stored<RunHead | TargetRun>[]): readonly Run[] =>
  [...Map.groupBy(documents, ({ key }) => runOfKey(key).runId).values()].flatMap((some) => {
    const run = readRunIn(some);
    return run === undefined || !hasLane(run.kind) ? [] : [run];
  });

/** A run that is known by its id; undefined where it is gone or can't be read. */
export const readRunToShow = async ({ store }: Pick<Deps, "store">, runId: RunId): Promise<Run | undefined> => {
  const { partition, sort } = runKey(runId);
  const query = { partition, prefix: sort, limit: documentsPerPage };
  return readRunIn((await store.query<RunHead | TargetRun>(query)).items);
};

const readRunIn = (documents: readonly Stored<RunHead | TargetRun>[]): Run | undefined => {
  try {
    return runSchema.parse(assembled(documents)[0]?.run);
  } catch {
    return undefined;
  }
};
