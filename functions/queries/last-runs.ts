import type { PlanId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import type { Run, RunHead, TargetRun } from "../../core/api/run.ts";
import { runSchema } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { planKey, runOfKey, runPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { assembled } from "../runs/runs.ts";

/** Of a run and its parts. */
const documentsPerPage = 40;
const pagesMax = 5;

/**
 * A plan's newest runs, the newest first, until somebody has seen enough; restores are left out. At
 * most so many are read as lie in 200 documents. What can't be read is passed over.
 */
export async function* newestRuns({ store }: Pick<Deps, "store">, planId: PlanId): AsyncGenerator<Run> {
  const { partition } = planKey(planId);
  let rest: readonly Stored<RunHead | TargetRun>[] = [];
  let pages = 0;
  const query = { partition, prefix: runPrefix, limit: documentsPerPage, descending: true };
  const read = (cursor: string | undefined) => store.query<RunHead | TargetRun>({ ...query, cursor });
  for await (const { items } of pagesOf(read)) {
    const documents = [...rest, ...items];
    // A run's parts come before it: what follows the last head belongs to one that is not read yet.
    const end = documents.findLastIndex(({ key }) => runOfKey(key).target === undefined) + 1;
    yield* backupsIn(documents.slice(0, end));
    rest = documents.slice(end);
    pages += 1;
    if (pages === pagesMax) return;
  }
}

const backupsIn = (documents: readonly Stored<RunHead | TargetRun>[]): readonly Run[] =>
  [...Map.groupBy(documents, ({ key }) => runOfKey(key).runId).values()].flatMap((some) => {
    const run = readRunIn(some);
    return run === undefined || run.kind === "rebuild" ? [] : [run];
  });

const readRunIn = (documents: readonly Stored<RunHead | TargetRun>[]): Run | undefined => {
  try {
    return runSchema.parse(assembled(documents)[0]?.run);
  } catch {
    return undefined;
  }
};
