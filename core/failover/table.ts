import type { Failover, FailoverCommand, FailoverState } from "../api/failover/failover.ts";

/*
 * A failover goes from state to state; this table is all of it. Rows are states, columns are what
 * happens: what the state does is done, its time has come, or a person says something. A command
 * that has no entry is refused. From a state that compares it leads on where nothing differs.
 */

/** What is said along with it: by a person; or that a stage is done, of which there are more. */
interface Said {
  readonly discardChanges: boolean;
  readonly isStage?: boolean;
}

/** Where something leads. */
type Next = (failover: Failover, said: Said) => FailoverState;

export interface FailoverRow extends Partial<Readonly<Record<FailoverCommand, Next>>> {
  readonly done?: Next;
  readonly due?: Next;
  /** Commands that want what it does anyhow: said meanwhile they change nothing. */
  readonly means: readonly FailoverCommand[];
}

const to =
  (state: FailoverState): Next =>
  () =>
    state;
const again: Next = ({ state }) => state;

/** Home, as if nothing had been: what was done last is undone first. */
const unwind: Next = (failover) => {
  const { kind, started, placed, stopped, made } = failover;
  if (kind === "test") return made.length > 0 ? "removing" : "removed";
  if (started) return "undo-stopping";
  if (placed) return "undo-placing";
  return stopped ? "undo-starting" : afterUndoStart(failover, { discardChanges: false });
};

const afterUndoStart: Next = ({ made }) => (made.length > 0 ? "undo-removing" : "undone");

/** Stages come one after the other, and so does what several restores have made. */
const staged =
  (after: Next): Next =>
  (failover, said) =>
    said.isStage ? failover.state : after(failover, said);

const there = { continue: again, undo: unwind, means: ["continue"] } as const;
const homeward = { continue: again, failback: again, undo: to("resuming"), means: ["continue", "failback"] } as const;
const thereAgain = { continue: again, undo: again, means: ["continue", "undo"] } as const;
/** Still there: it can go either way, and with what was written there. */
const undoing = { continue: to("resuming"), failback: to("stopping-there"), means: ["undo"] } as const;
const removal = { continue: again, failback: again, due: again, means: ["continue", "failback"] } as const;
const over = { means: [] } as const;

/** Whether some has to be made at home: beside what is not overwritten, or where nothing is. */
export const hasToBeMade = ({
  divergedCount = 0,
  missingCount = 0,
  discardChanges,
}: Pick<Failover, "divergedCount" | "missingCount" | "discardChanges">): boolean =>
  missingCount > 0 || (divergedCount > 0 && !discardChanges);

const makeOrPlace: Next = (failover) => (hasToBeMade(failover) ? "rebuilding-beside" : "placing-back");

/** What is as it was is rolled back; with `discardChanges` what has changed as well. */
const rollBackOrMake: Next = (failover, said) => {
  const { asBeforeCount = 0, divergedCount = 0, discardChanges } = failover;
  const rolled = asBeforeCount + (discardChanges ? divergedCount : 0);
  return rolled > 0 ? "rolling-back" : makeOrPlace(failover, said);
};

/** Only of what does not answer or would lose something, and a person has said so. */
const undoRegardless: Next = ({ state, halted }, { discardChanges }) =>
  halted !== undefined && discardChanges ? "undo-placing" : state;

export const failoverTable: Readonly<Record<FailoverState, FailoverRow>> = {
  looking: {
    ...there,
    done: ({ kind, madeThere }) => {
      if (kind === "planned") return "stopping";
      return madeThere === undefined ? "rebuilding" : "placing";
    },
  },
  stopping: { ...there, done: ({ unstoppable = [] }) => (unstoppable.length > 0 ? "confirming" : "sending") },
  confirming: { continue: to("sending"), undo: unwind, means: ["continue"] },
  sending: { ...there, done: to("comparing") },
  // Who has written may do so again: all of it is switched off, and its users asked, once more.
  comparing: { ...there, continue: to("stopping"), done: to("rebuilding") },
  rebuilding: { ...there, continue: to("unmaking"), done: ({ kind }) => (kind === "test" ? "starting" : "placing") },
  unmaking: { ...there, done: staged(to("rebuilding")) },
  placing: { ...there, done: to("starting") },
  starting: { ...there, done: staged(({ kind }) => (kind === "test" ? "testing" : "failed-over")) },
  "failed-over": { failback: to("stopping-there"), undo: unwind, means: [] },

  "stopping-there": {
    ...homeward,
    done: ({ unstoppable = [] }) => (unstoppable.length > 0 ? "confirming-back" : "sending-back"),
  },
  "confirming-back": {
    continue: to("sending-back"),
    failback: to("sending-back"),
    undo: to("resuming"),
    means: ["continue", "failback"],
  },
  "sending-back": { ...homeward, done: to("comparing-there") },
  "comparing-there": {
    ...homeward,
    continue: to("stopping-there"),
    failback: to("stopping-there"),
    done: to("comparing-here"),
  },
  "comparing-here": { ...homeward, done: rollBackOrMake },
  "rolling-back": {
    ...homeward,
    continue: to("comparing-here"),
    failback: to("comparing-here"),
    done: makeOrPlace,
  },
  "rebuilding-beside": {
    ...homeward,
    continue: to("unmaking-beside"),
    failback: to("unmaking-beside"),
    done: to("placing-back"),
  },
  "unmaking-beside": { ...homeward, done: staged(to("rebuilding-beside")) },
  "placing-back": { ...homeward, undo: to("placing-again"), done: to("starting-here") },
  "starting-here": { ...homeward, undo: to("stopping-here"), done: staged(to("removing")) },
  removing: {
    ...removal,
    // Of a test there is no other way; else what is there is left there.
    undo: ({ kind }) => (kind === "test" ? "removing" : "home"),
    done: staged(({ kind }) => (kind === "test" ? "removed" : "home")),
  },
  home: over,

  "stopping-here": {
    ...thereAgain,
    // Nothing there is lost by that, and nothing at home; a warning stays.
    continue: to("placing-again"),
    undo: to("placing-again"),
    done: to("placing-again"),
  },
  "placing-again": { ...thereAgain, done: to("resuming") },
  resuming: {
    continue: again,
    undo: unwind,
    failback: to("stopping-there"),
    means: ["continue", "undo"],
    done: staged(({ madeBeside }) => (madeBeside.length > 0 ? "clearing" : "failed-over")),
  },
  clearing: { ...thereAgain, failback: again, done: staged(to("failed-over")) },

  "undo-stopping": {
    ...undoing,
    undo: undoRegardless,
    done: ({ discardChanges }) => (discardChanges ? "undo-looking" : "undo-comparing"),
  },
  "undo-comparing": { ...undoing, undo: undoRegardless, done: to("undo-looking") },
  "undo-looking": { ...undoing, undo: undoRegardless, done: to("undo-placing") },
  "undo-placing": {
    continue: to("placing-again"),
    undo: again,
    means: ["undo"],
    done: (failover, said) => (failover.stopped ? "undo-starting" : afterUndoStart(failover, said)),
  },
  "undo-starting": {
    // Where nothing was made there, it goes on without what could not be started.
    continue: (failover, said) => (failover.madeThere ? "stopping-here" : afterUndoStart(failover, said)),
    undo: again,
    means: ["undo"],
    done: staged(afterUndoStart),
  },
  "undo-removing": { continue: again, undo: again, due: again, means: ["undo"], done: staged(to("undone")) },
  undone: over,

  testing: { undo: to("removing"), due: to("removing"), means: [] },
  removed: over,
};

/** Where it waits for a person though nothing has gone wrong. */
export const waitsForPerson: ReadonlySet<FailoverState> = new Set(["confirming", "confirming-back"]);

/** It has come to its end. */
export const endStates: ReadonlySet<FailoverState> = new Set(["home", "undone", "removed"]);

/** Where it stays as long as nobody says anything. */
const restingStates: ReadonlySet<FailoverState> = new Set([...endStates, ...waitsForPerson, "failed-over", "testing"]);

/** It does what its state says, or is about to. */
export const isUnderWay = ({ state, halted }: Failover): boolean => halted === undefined && !restingStates.has(state);

/** By then the plan's objects are where they are to be, and its runs may go on. */
const settledStates: ReadonlySet<FailoverState> = new Set([
  ...endStates,
  "failed-over",
  "testing",
  "removing",
  "undo-removing",
]);

/** It has the plan's objects: no run begins but its own. */
export const movesPlan = ({ kind, state }: Failover): boolean => kind !== "test" && !settledStates.has(state);
