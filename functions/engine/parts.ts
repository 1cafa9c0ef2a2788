import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Run, TargetRun } from "../../core/api/run.ts";
import { addSeconds, secondsBetween } from "../../core/ports/clock.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { decidePart } from "../../core/run/decide.ts";
import type { PartEvent } from "../../core/run/events.ts";
import { retrying } from "../documents/conflicts.ts";
import type { Deps } from "../ports/deps.ts";
import { needRun, type StoredRun } from "../runs/runs.ts";
import { dueBy, lookAfterSeconds } from "./due.ts";
import type { Happening } from "./happenings.ts";
import { goOnWith } from "./settle.ts";
import { puts } from "./shards.ts";

/** A part that was looked at, and in whose step all is as it should be, is looked at so often. */
const lookSeconds = 600;

/** What happened to a run's part: its new state is written, and what follows is carried out. */
export const takePart = async (
  deps: Deps,
  runId: RunId,
  target: SiteId,
  event: PartEvent,
): Promise<readonly Happening[]> => {
  const changed = await changePart(deps, runId, target, event);
  return changed === undefined ? [] : goOnWith(deps, changed, target, { isNew: true });
};

/** @returns the run with the part's new state; undefined when nothing changed */
export const changePart = (deps: Deps, runId: RunId, target: SiteId, event: PartEvent): Promise<Run | undefined> =>
  retrying(deps, async () => {
    const loaded = await needRun(deps, runId);
    const stored = loaded.parts.get(target);
    if (stored === undefined) return undefined;
    const now = deps.clock.now();
    const part = decidePart(loaded.run, stored.body, event, { now });
    if (part === stored.body) return undefined;
    await deps.store.commit([putPart(stored, part, dueAfterChange(deps, stored, part))]);
    return withPart(loaded, target, part);
  });

/**
 * Looks whether all is done that follows from a part's state, and does it: whoever should have may
 * have died.
 */
export const lookAtPart = async (
  deps: Deps,
  { run }: StoredRun,
  target: SiteId,
  stored: Stored<TargetRun>,
): Promise<readonly Happening[]> => {
  // One that somebody else has changed is looked at when that says.
  if (!(await puts(deps, putPart(stored, stored.body, nextLook(deps, stored.body))))) return [];
  return goOnWith(deps, run, target, { isNew: false });
};

const putPart = ({ key, version }: Stored<TargetRun>, body: TargetRun, dueAt: Stored<TargetRun>["dueAt"]): Change => ({
  type: "put",
  key,
  body,
  expect: { version },
  ...(dueAt !== undefined && { dueAt }),
});

/** The part of a run as it is now. */
const withPart = ({ run }: StoredRun, target: SiteId, part: TargetRun): Run => ({
  ...run,
  targets: { ...run.targets, [target]: part },
});

const isIdle = (part: TargetRun): boolean => part.step === null && !part.unsettled;

const dueAfterChange = ({ clock }: Deps, { dueAt }: Stored<TargetRun>, part: TargetRun) =>
  isIdle(part) ? undefined : dueBy(addSeconds(clock.now(), lookAfterSeconds), clock.now(), dueAt);

const nextLook = ({ clock }: Deps, part: TargetRun) => {
  if (isIdle(part)) return undefined;
  const now = clock.now();
  // A site that is away for long is not told of the end every minute.
  const isFresh = part.endedAt === null || secondsBetween(part.endedAt, now) < lookSeconds;
  return addSeconds(now, part.unsettled && isFresh ? lookAfterSeconds : lookSeconds);
};
