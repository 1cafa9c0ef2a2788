import { type Failover, type FailoverObject, type FailoverState, namedMax } from "../api/failover/failover.ts";
import { shownName } from "../api/name.ts";
import { type Reason, warningsMax } from "../api/reason.ts";
import type { StepResult } from "./events.ts";
import { hasToBeMade } from "./table.ts";

type Note = (failover: Failover, result: StepResult) => Partial<Failover>;

const unstoppable: Note = (_, { unstoppable: objects = [] }) => ({ unstoppable: objects.slice(0, namedMax) });

const cleared: Note = (_, { isStage }) => (isStage ? {} : { madeBeside: [], madeHere: undefined });

/** What later states need of what a state has come to. */
const notes: Partial<Record<FailoverState, Note>> = {
  stopping: unstoppable,
  "stopping-there": unstoppable,
  sending: (_, { group }) => (group === undefined ? {} : { group, homeGroup: group }),
  rebuilding: (_, { runId }) => (runId === undefined ? {} : { madeThere: runId }),
  unmaking: (_, { isStage }) => (isStage ? {} : { made: [] }),
  "sending-back": (_, { group }) => (group === undefined ? {} : { backGroup: group }),
  "comparing-here": (_, { runId, changed = [], changedCount = 0, unchangedCount = 0, missingCount = 0 }) => ({
    comparedBy: runId,
    diverged: changed.slice(0, namedMax),
    divergedCount: changedCount,
    asBeforeCount: unchangedCount,
    missingCount,
  }),
  // From now on all of them are what came back; where some are not, none of it is counted on.
  "rolling-back": ({ backGroup, ...failover }) =>
    backGroup === undefined || hasToBeMade(failover) ? {} : { homeGroup: backGroup },
  "rebuilding-beside": (_, { runId }) => (runId === undefined ? {} : { madeHere: runId }),
  "unmaking-beside": cleared,
  clearing: cleared,
};

export const noted = (before: Failover, result: StepResult): Failover => {
  const warnings = [...before.warnings, ...(result.warnings ?? [])].slice(-warningsMax);
  const after = { ...before, ...notes[before.state]?.(before, result), warnings };
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined)) as Failover;
};

/** Why it can't go on though what it does is done: a comparison found what must not differ. */
export const faultOf = (failover: Failover, result: StepResult): Reason | undefined => {
  const { changed = [], changedCount = 0, missingCount = 0, on = [] } = result;
  const { state, home, to, discardChanges } = failover;
  if (state === "undo-looking" && missingCount > 0) return goneAtHome(home, to, missingCount);
  if (changedCount === 0) return on.length === 0 ? undefined : stillOn(failover, on);
  const names = namesText(changed, changedCount);
  switch (state) {
    case "comparing":
      return afterStop(home, names);
    case "comparing-there":
      return afterStop(to, names);
    case "undo-comparing":
      return discardChanges
        ? undefined
        : {
            code: "CHANGED_SINCE",
            message: `What was written at ${to} since the failover would be lost: ${names}. A failback brings it home, and an undo with --discard-changes gives it up.`,
          };
    default:
      return undefined;
  }
};

/** What it writes from now on would be left behind. */
const stillOn = ({ state, home, to }: Failover, on: readonly FailoverObject[]): Reason | undefined =>
  state !== "comparing" && state !== "comparing-there"
    ? undefined
    : {
        code: "CHANGED_AFTER_STOP",
        message: `Somebody at ${state === "comparing" ? home : to} has switched machines on: ${namesText(on, on.length)}.`,
      };

const goneAtHome = (home: string, to: string, count: number): Reason => ({
  code: "OBJECT_GONE",
  message: `${count} of the plan's objects are not at ${home} any more: what is at ${to} is all that there is of them.`,
});

const afterStop = (site: string, names: string): Reason => ({
  code: "CHANGED_AFTER_STOP",
  message: `Somebody at ${site} has written after the last difference was sent: ${names}.`,
});

const shownMax = 5;

const namesText = (objects: readonly FailoverObject[], count: number): string => {
  const shown = objects.slice(0, shownMax).map(({ name }) => `“${shownName(name)}”`);
  return count > shown.length ? `${shown.join(", ")}, and ${count - shown.length} more` : shown.join(", ");
};
