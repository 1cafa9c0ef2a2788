import type { Instant, RunId, SiteId } from "../core/api/ids.ts";
import type { Plan } from "../core/api/plan.ts";
import type { Run, TargetRun } from "../core/api/run.ts";
import { addSeconds } from "../core/ports/clock.ts";
import type { Key } from "../core/ports/store.ts";
import { defaultRunLimits, hasPassed } from "../core/run/limits.ts";
import { partsOf, siteOfTask } from "../core/run/steps.ts";
import type { Deps } from "./deps.ts";
import { applyToPlan, applyToRun, drain, dueSecondsMax, planDueAt } from "./engine/engine.ts";
import { readGateways } from "./queries/sites.ts";
import { runIdOfKey, runPrefix } from "./records.ts";

/** Documents that one sweep looks at; what is left is still due at the next one. */
const documentsMax = 500;
const putOffSeconds = 600;

/** Later than any document can be due. */
const endOfTime = "9999-12-31T23:59:59.999Z" as Instant;

/**
 * Once a minute: finds what time has overtaken, and moves it on. Effects that were not carried out,
 * parts of runs whose deadline has passed, plans whose slot has come without a run; and what would
 * not be due for so long that only a clock that was wrong can have written it.
 *
 * @returns how many documents were due, and how many of them failed
 */
export const handleSweep = async (deps: Deps): Promise<{ readonly due: number; readonly failed: number }> => {
  const now = deps.clock.now();
  const due = await deps.store.due({ now, limit: documentsMax });
  const after = addSeconds(now, dueSecondsMax);
  const ahead = await deps.store.due({ after, now: endOfTime, limit: Math.max(1, documentsMax - due.length) });
  const keys = [...due, ...ahead];
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
      await tryPutOff(deps, key);
    }
  }
  return { due: keys.length, failed };
};

/**
 * What can't be put off either, because somebody else has just changed it or the store is busy, is
 * due at the next sweep.
 */
const tryPutOff = async (deps: Deps, key: Key): Promise<void> => {
  try {
    await putOff(deps, key);
  } catch (error) {
    deps.log.warn({ key, error: error instanceof Error ? error.message : String(error) }, "it could not be put off");
  }
};

/** What could not be moved on must not stand in the way of the others at every sweep. */
const putOff = async (deps: Deps, key: Key): Promise<void> => {
  // An outbox entry has put itself off.
  if (key.sort.startsWith("OUTBOX#")) return;
  const stored = await deps.store.get<object>(key);
  if (stored === undefined) return;
  const dueAt = addSeconds(deps.clock.now(), putOffSeconds);
  await deps.store.commit([{ type: "put", key, body: stored.body, expect: { version: stored.version }, dueAt }]);
};

const sweepOne = async (deps: Deps, key: Key): Promise<void> => {
  if (key.sort.startsWith("OUTBOX#")) return drain(deps, key);
  if (key.sort === "PLAN") return sweepPlan(deps, key);
  if (key.sort.startsWith(runPrefix)) return sweepRun(deps, runIdOfKey(key), key);
  throw new Error(`nobody looks after documents like ${key.sort}`);
};

/** A plan of which no slot has come was only looked at, and has to be looked at again in time. */
const sweepPlan = async (deps: Deps, key: Key): Promise<void> => {
  const before = await deps.store.get<Plan>(key);
  if (before === undefined) return;
  await applyToPlan(deps, before.body.id, { type: "tick" });
  const stored = await deps.store.get<Plan>(key);
  if (stored === undefined || stored.version !== before.version) return;
  const { body, version } = stored;
  const dueAt = planDueAt(body, deps.clock.now());
  await deps.store.commit([{ type: "put", key, body, expect: { version }, ...(dueAt === undefined ? {} : { dueAt }) }]);
};

const sweepRun = async (deps: Deps, runId: RunId, key: Key): Promise<void> => {
  const stored = await deps.store.get<Run>(key);
  const now = deps.clock.now();
  if (stored === undefined) return;
  for (const [target, part] of partsOf(stored.body)) {
    if (part.deadline === null || !hasPassed(part.deadline, now, deps.limits ?? defaultRunLimits)) continue;
    const isStaffed = await isPartStaffed(deps, stored.body, target, part);
    await applyToRun(deps, runId, { type: "overdue", target, isStaffed });
  }
};

/** Whether each site that has one of the part's tasks has a gateway that is alive: it may only be busy. */
const isPartStaffed = async (deps: Deps, run: Run, target: SiteId, { step, inFlight }: TargetRun): Promise<boolean> => {
  if (step === null) return false;
  const sites = new Set(inFlight.map(({ index }) => siteOfTask(run, target, step, index)));
  const gateways = await Promise.all([...sites].map((site) => readGateways(deps, site)));
  return gateways.every((some) => some.some(({ alive }) => alive));
};
