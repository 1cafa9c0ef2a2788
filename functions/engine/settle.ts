import type { SiteId } from "../../core/api/ids.ts";
import type { Run, TargetRun } from "../../core/api/run.ts";
import type { Key } from "../../core/ports/store.ts";
import { movedBy } from "../../core/run/moved.ts";
import { hasLane, isRestore, isStaging, mayBeWriting, placeOf, stepsBefore } from "../../core/run/steps.ts";
import { forgetAttachment, isLongOver } from "../attachments/attachments.ts";
import { partKey } from "../documents/records.ts";
import { dropHold, markOfFailedRun, recordGroup } from "../groups/groups.ts";
import { releaseLocks } from "../locks/locks.ts";
import type { Deps } from "../ports/deps.ts";
import { lockObjects } from "../rollback-steps/told.ts";
import { expireIfUseless } from "../runs/expiry.ts";
import { readRunPlan } from "../runs/facts.ts";
import { needRun } from "../runs/runs.ts";
import { readShards } from "../runs/shards.ts";
import { dropSeed } from "../staging/seed.ts";
import { closeShards, dealOut } from "./deal-out.ts";
import type { Happening } from "./happenings.ts";
import { abortTaskOf, unstageTaskOf } from "./tasks.ts";

/**
 * Makes true what a part's state says: of a step that it is in, that what came before is written
 * down and its tasks are given out; of its end, that its lane is free. All of it is worked out from
 * the state, so it may be done by whoever looks at the part, and more than once (I8).
 * @param isNew the part has just come to this state
 * @returns what happens because of it
 */
export const goOnWith = async (
  deps: Deps,
  run: Run,
  target: SiteId,
  { isNew }: { readonly isNew: boolean },
): Promise<readonly Happening[]> => {
  const part = run.targets[target];
  if (part === undefined) return [];
  if (part.step !== null) {
    if (part.step === "checking") {
      const reason = await lockObjects(deps, run.id, target);
      const event = { type: "gave-up", step: part.step, reason } as const;
      if (reason !== undefined) return [{ to: "part", runId: run.id, target, event: { ...event, reason } }];
    }
    // Whoever still has the rollback is told so by its site.
    if (part.step === "undoing") await closeShards(deps, run, target, { ...part, endedIn: "rolling-back" });
    if (part.step === "attaching" && (await isLongOver(deps, run.id))) {
      return [{ to: "part", runId: run.id, target, event: { type: "detach" } }];
    }
    await writeDown(deps, run, target, part.step);
    return dealOut(deps, run, target, { step: part.step, isNew });
  }
  if (!part.unsettled) return [];
  // Parts that end at once have read each other as they were: who reads again after his own end
  // sees all that are over.
  return windUp(deps, (await needRun(deps, run.id)).run, target, part);
};

/** The groups that are there before a step begins. */
const writeDown = async (deps: Deps, run: Run, target: SiteId, step: NonNullable<TargetRun["step"]>): Promise<void> => {
  const last = stepsBefore(run, step).at(-1);
  if (last === "snapshotting") await recordGroup(deps, run, "source", target);
  if (last === "publishing" && !isStaging(run, last)) await recordGroup(deps, run, "mirror", target);
};

/**
 * Whoever still writes is fenced off, what it made is given up or handed on, and its lane is free.
 */
const windUp = async (deps: Deps, run: Run, target: SiteId, part: TargetRun): Promise<readonly Happening[]> => {
  const { id: runId, planId, kind } = run;
  const isGivenUp = part.state !== "succeeded";
  const isStaged = run.sender !== undefined;
  // No late copy of what it has ordered switches anything, now that the failover has gone on.
  const isOrder = kind === "failover";
  if (isDetached(run) || isOrder || (isGivenUp && !isStaged && mayBeWriting(part.endedIn))) {
    await deps.tasks.send(target, [{ task: abortTaskOf(deps, run, target) }]);
  }
  await letGo(deps, run, target, part);
  if (isStaged) {
    await deps.tasks.send(target, [{ task: unstageTaskOf(deps, run, target) }]);
    return [];
  }
  const because = partKey(runId, target);
  const settled = { ...(await settledPart(deps, run, target, part)), because };
  const goesOn = goneOnWith(run, because);
  if (!hasLane(kind)) return [settled, ...goesOn];
  const released = { to: "plan", planId, event: { type: "released", target, runId }, because } as const;
  const isOnSource = isGivenUp && kind === "backup" && part.endedIn !== undefined;
  return [released, ...(isOnSource ? [{ to: "tidy", runId, target, because } as const] : []), settled, ...goesOn];
};

/** It was ended here, and its gateway serves it still. */
const isDetached = ({ kind }: Run): boolean => kind === "attach";

/** Nothing of a part that is over goes on, and what it held is free. Twice is as good as once. */
const letGo = async (deps: Deps, run: Run, target: SiteId, part: TargetRun): Promise<void> => {
  const { id: runId, kind, sender } = run;
  if (isDetached(run) || part.state !== "succeeded") await closeShards(deps, run, target, part);
  if (isDetached(run)) await forgetAttachment(deps, target, runId);
  if (kind === "rollback" || kind === "deletion") await releaseLocks(deps, { runId, siteId: target });
  if (isRestore(kind)) await letGroupGo(deps, run, target);
  if (hasLane(kind)) await markOfFailedRun(deps, run);
  await expireIfUseless(deps, run);
  if (sender !== undefined) await dropSeed(deps, run, target);
};

/** The failover that began the run, where one did. */
const goneOnWith = ({ failoverId }: Run, because: Key): readonly Happening[] =>
  failoverId === undefined ? [] : [{ to: "failover", failoverId, because }];

/** All that follows from a part's end is done. */
const settledPart = async (deps: Deps, run: Run, target: SiteId, part: TargetRun) => {
  const moved = part.state === "succeeded" ? undefined : await movedUntilThen(deps, run, target, part);
  return { to: "part", runId: run.id, target, event: { type: "settled", ...(moved && { moved }) } } as const;
};

/** The target says that nothing of what was brought there for a restore is left. */
export const unstaged = async (deps: Deps, run: Run, target: SiteId): Promise<readonly Happening[]> => {
  const part = run.targets[target];
  if (!part?.unsettled) return [];
  // It may have been told so before the table was set back to when the part had not let go yet.
  await letGo(deps, run, target, part);
  return [await settledPart(deps, run, target, part), ...goneOnWith(run, partKey(run.id, target))];
};

/** What a transfer that was given up had sent; its shards are closed, so no more is told of it. */
const movedUntilThen = async (deps: Deps, run: Run, target: SiteId, { endedIn }: TargetRun) => {
  if (endedIn !== "transferring") return undefined;
  return movedBy((await readShards(deps, run.id, placeOf(run, target, endedIn), endedIn)).map(({ body }) => body));
};

const letGroupGo = async (deps: Deps, run: Run, target: SiteId): Promise<void> => {
  const { restore } = await readRunPlan(deps, run.id);
  if (restore === undefined) return;
  await dropHold(deps, restore.fromGroupId, restore.fromSiteId ?? target, run.id);
};
