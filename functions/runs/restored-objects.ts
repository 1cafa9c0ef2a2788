import { strict as assert } from "node:assert";
import type { RunPlan } from "../../core/api/run.ts";
import type { Deps } from "../ports/deps.ts";
import { type SnapshotFact, snapshotFactsOf } from "./facts.ts";

/** The objects that a restore is about, as the group that it reads has them, in its order. */
export const readRestoredObjects = async (
  deps: Pick<Deps, "store">,
  { restore }: Pick<RunPlan, "restore">,
): Promise<readonly SnapshotFact[]> => {
  assert(restore !== undefined, "only a restore reads a group");
  const chosen = restore.objects && new Set(restore.objects);
  const all: SnapshotFact[] = [];
  let index = 0;
  for await (const fact of snapshotFactsOf(deps, restore.fromRunId)) {
    if (chosen?.has(index) ?? true) all.push(fact);
    index += 1;
  }
  return all;
};
