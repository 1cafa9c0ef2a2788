import type { PlanId, RunId } from "../core/api/ids.ts";
import type { Run } from "../core/api/run.ts";
import type { Key } from "../core/ports/store.ts";
import { partsOf } from "../core/run/steps.ts";
import type { Deps } from "./deps.ts";
import { applyToPlan, applyToRun, drain } from "./engine/engine.ts";
import { runIdOfKey, runPrefix } from "./records.ts";

/** Documents that one sweep looks at; what is left is still due at the next one. */
const documentsMax = 500;

/**
 * Once a minute: finds what time has overtaken, and moves it on. Effects that were not carried out, parts of runs
 * whose deadline has passed, plans whose slot has come without a run.
 *
 * @returns how many documents were due, and how many of them failed
 */
export const handleSweep = async (deps: Deps): Promise<{ readonly due: number; readonly failed: number }> => {
  const keys = await deps.store.due({ now: deps.clock.now(), limit: documentsMax });
  let failed = 0;
  for (const key of keys) {
    try {
      await sweepOne(deps, key);
    } catch (error) {
      failed += 1;
      deps.log.error(
        { key, error: error instanceof Error ? error.message : String(error) },
        "the sweep could not move a document on",
      );
    }
  }
  return { due: keys.length, failed };
};

const sweepOne = async (deps: Deps, key: Key): Promise<void> => {
  if (key.sort.startsWith("OUTBOX#")) return drain(deps, key);
  if (key.sort === "PLAN") {
    await applyToPlan(deps, key.partition.slice("PLAN#".length) as PlanId, { type: "tick" });
    return;
  }
  if (key.sort.startsWith(runPrefix)) return sweepRun(deps, runIdOfKey(key), key);
  throw new Error(`nobody looks after documents like ${key.sort}`);
};

const sweepRun = async (deps: Deps, runId: RunId, key: Key): Promise<void> => {
  const stored = await deps.store.get<Run>(key);
  const now = deps.clock.now();
  for (const [target, part] of stored === undefined ? [] : partsOf(stored.body)) {
    if (part.deadline !== null && part.deadline <= now) await applyToRun(deps, runId, { type: "overdue", target });
  }
};
