import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Run, RunHead, TargetRun } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { runKey, runOfKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { isOfBefore, partsOfBefore, takeOver } from "./runs-of-before.ts";

/** A run with its parts, and the documents that they were read from. */
export interface StoredRun {
  readonly run: Run;
  readonly head: Stored<RunHead>;
  readonly parts: ReadonlyMap<SiteId, Stored<TargetRun>>;
}

/** More targets a plan can't have; and the run itself. */
const documentsMax = 100;

/** The run, as it is now. One of an earlier version is brought to the present form. */
export const loadRun = async (deps: Deps, runId: RunId): Promise<StoredRun | undefined> => {
  const { partition, sort } = runKey(runId);
  const { items } = await deps.store.query<RunHead | TargetRun>({ partition, prefix: sort, limit: documentsMax });
  const [loaded] = assembled(items);
  if (loaded === undefined || !isOfBefore(loaded.head)) return loaded;
  await takeOver(deps, loaded.head);
  return loadRun(deps, runId);
};

/** @throws {VisibleError} RUN_UNKNOWN */
export const needRun = async (deps: Deps, runId: RunId): Promise<StoredRun> => {
  const loaded = await loadRun(deps, runId);
  if (loaded !== undefined) return loaded;
  throw new VisibleError("RUN_UNKNOWN", `There is no run ${runId}.`, {
    hint: "List runs with: smtx-backup run list --since 7d",
  });
};

/**
 * The runs whose documents these are, in the order in which they came. A run whose head is not
 * among them is left out.
 */
export const assembled = (documents: readonly Stored<RunHead | TargetRun>[]): readonly StoredRun[] => {
  const byRun = Map.groupBy(documents, ({ key }) => runOfKey(key).runId);
  return [...byRun.values()].flatMap((some) => {
    const head = some.find(({ key }) => runOfKey(key).target === undefined) as Stored<RunHead> | undefined;
    if (head === undefined) return [];
    const parts = new Map<SiteId, Stored<TargetRun>>();
    for (const one of some) {
      const { target } = runOfKey(one.key);
      if (target !== undefined) parts.set(target, one as Stored<TargetRun>);
    }
    const bodies = isOfBefore(head)
      ? [...partsOfBefore(head)]
      : [...parts].map(([target, { body }]) => [target, body] as const);
    return [{ head, parts, run: { ...head.body, targets: Object.fromEntries(bodies) } }];
  });
};
