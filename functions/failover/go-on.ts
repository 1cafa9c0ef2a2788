import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { Failover } from "../../core/api/failover/failover.ts";
import { type FailoverId, slotOf } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { Run } from "../../core/api/run.ts";
import type { FailoverEvent } from "../../core/failover/events.ts";
import { isUnderWay } from "../../core/failover/table.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import { cancelRun } from "../engine/commands.ts";
import type { Deps } from "../ports/deps.ts";
import { freeSlot } from "../runs/free-slot.ts";
import { loadRun } from "../runs/runs.ts";
import { changeFailover, putOff } from "./failovers.ts";
import { settlePlan } from "./settle-plan.ts";
import type { RunWork } from "./work.ts";
import { works } from "./works.ts";

/** More states than this do not follow each other without a run in between. */
const statesAtOnceMax = 20;

/**
 * Goes on with a failover as far as it can be: what its state does is begun, or its end is taken
 * in. Whoever finds it may do so, at once and more than once: a run is known by an id that is
 * written down before it begins, and each step is on condition of the one before.
 */
export const goOnWithFailover = async (deps: Deps, id: FailoverId): Promise<void> => {
  for (let count = 0; count < statesAtOnceMax; count += 1) {
    const { failover } = await changeFailover(deps, id, (before) => dueNow(before));
    const event = isUnderWay(failover) ? await eventNow(deps, failover) : undefined;
    if (event === undefined) {
      await settlePlan(deps, failover);
      return putOff(deps, failover);
    }
    await changeFailover(deps, id, (now) => (isSameTry(now, failover) ? event : undefined));
  }
};

/** The same of who has done what was asked for: what can't be done now is done by the sweep. */
export const tryToGoOn = async (deps: Deps, id: FailoverId): Promise<void> => {
  try {
    await goOnWithFailover(deps, id);
  } catch (error) {
    assert(error instanceof Error);
    deps.log.failed({ err: error, failoverId: id }, "the failover is gone on with by the sweep");
  }
};

const dueNow = (failover: Failover): FailoverEvent | undefined => (isUnderWay(failover) ? undefined : { type: "due" });

/** Nobody else has gone on with it meanwhile. */
const isSameTry = (one: Failover, other: Failover): boolean =>
  one.state === other.state &&
  one.attempt === other.attempt &&
  one.stage === other.stage &&
  one.runId === other.runId &&
  isUnderWay(one);

/** What is to happen to it now; undefined: its run is on its way. */
const eventNow = async (deps: Deps, failover: Failover): Promise<FailoverEvent | undefined> => {
  const work = works[failover.state];
  assert(work !== undefined, `nobody does what ${failover.state} says`);
  try {
    // What it does at the plan counts only while it has it.
    await settlePlan(deps, failover);
    if (work.type === "act") return { type: "done", result: await work.act(deps, failover) };
    return await runNow(deps, failover, work);
  } catch (error) {
    if (!VisibleError.is(error) || again.has(error.code)) throw error;
    return { type: "failed", reason: reasonOf(error) };
  }
};

/** Says nothing of what is to be done: it is tried again by the sweep. */
const again: ReadonlySet<string> = new Set(["CONFLICT", "TIMEOUT", "INTERNAL"]);

const reasonOf = ({ code, message, hint }: VisibleError): Reason => ({
  code,
  message: hint === undefined ? message : `${message} ${hint}`,
});

const runNow = async (deps: Deps, failover: Failover, work: RunWork): Promise<FailoverEvent | undefined> => {
  const { id: failoverId, planId, runId } = failover;
  if (runId === undefined) {
    const slot = await freeSlot(deps, planId, work.from(deps));
    return { type: "begins", runId: work.idOf(failover, slot) };
  }
  const run = (await loadRun(deps, runId))?.run;
  if (run === undefined) {
    const begun = await work.begin(deps, failover, { failoverId, slot: slotOf(runId) });
    return begun === undefined ? undefined : { type: "done", result: begun };
  }
  return comeTo(deps, failover, work, run);
};

const comeTo = async (deps: Deps, failover: Failover, work: RunWork, run: Run): Promise<FailoverEvent | undefined> => {
  const parts = partsOf(run).map(([, part]) => part);
  if (!parts.every(hasEnded)) {
    if (failover.turning !== undefined) await cancel(deps, run);
    return undefined;
  }
  const bad = parts.find(({ state }) => state !== "succeeded");
  if (bad === undefined)
    return { type: "done", result: { runId: run.id, ...(await work.result(deps, failover, run)) } };
  const reason = bad.reason ?? { code: "RUN_ENDED", message: `The run ${run.id} was not done: ${bad.state}.` };
  return { type: "failed", reason };
};

/** A person wants something else: what is on its way is ended, if it can be. */
const cancel = async (deps: Deps, run: Run): Promise<void> => {
  try {
    await cancelRun(deps, run.id);
  } catch (error) {
    if (!VisibleError.is(error, "RUN_ENDED")) throw error;
  }
};
