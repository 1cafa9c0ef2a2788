import {
  type Failover,
  type FailoverCommand,
  type FailoverState,
  failoverCommandSchema,
} from "../api/failover/failover.ts";
import { addSeconds } from "../ports/clock.ts";
import { decideFailover } from "./decide.ts";
import type { FailoverEvent, StepResult } from "./events.ts";
import { isUnderWay } from "./table.ts";
import { objects, start, testFailover } from "./testing.ts";

/** Where things lead from a state, in whatever way it was come to. */
export interface LeadsTo extends Readonly<Record<FailoverCommand, ReadonlySet<FailoverState>>> {
  readonly done: ReadonlySet<FailoverState>;
}

const commands = failoverCommandSchema.options;
/** Deep enough for each state to be come to in each way that counts. */
const depthMax = 40;
const later = addSeconds(start, 24 * 3600);
const muchLater = addSeconds(start, 30 * 24 * 3600);

/** All that can become of failovers of these kinds, found by having it happen. */
export const reachable = (kinds: readonly Failover["kind"][]): ReadonlyMap<FailoverState, LeadsTo> => {
  const found = new Map<FailoverState, Record<keyof LeadsTo, Set<FailoverState>>>();
  const seen = new Set<string>();
  let open = kinds.map(testFailover);
  for (let depth = 0; depth < depthMax && open.length > 0; depth += 1) {
    const next: Failover[] = [];
    for (const before of open) {
      const row = found.get(before.state) ?? {
        done: new Set(),
        continue: new Set(),
        undo: new Set(),
        failback: new Set(),
      };
      found.set(before.state, row);
      for (const { event, column } of eventsOf(before)) {
        const after = decideFailover(before, event, event.type === "due" ? muchLater : later);
        if (after === before) continue;
        if (column !== undefined && after.turning === undefined) row[column].add(after.state);
        const key = JSON.stringify({
          ...after,
          steps: 0,
          warnings: 0,
          since: 0,
          attempt: 0,
          endedAt: 0,
          left: 0,
          stage: 0,
        });
        if (!seen.has(key)) next.push(after);
        seen.add(key);
      }
    }
    open = next;
  }
  return found;
};

const reason = { code: "GATEWAY_ABSENT", message: "Nobody answered." };
const group = { id: "group_x" as never, takenAt: start };
const runId = "restore_x" as never;
const [vm, lun] = objects;

/** What a step may come to, as far as it leads elsewhere. */
const results: readonly StepResult[] = [
  { runId, group, unchangedCount: 1 },
  { runId, group, unchangedCount: 1, unstoppable: lun === undefined ? [] : [lun] },
  { runId, group, unchangedCount: 1, changed: vm === undefined ? [] : [vm], changedCount: 1 },
  { runId, group, changed: vm === undefined ? [] : [vm], changedCount: 1 },
];

interface Tried {
  readonly event: FailoverEvent;
  readonly column?: keyof LeadsTo;
}

const eventsOf = (failover: Failover): readonly Tried[] => {
  if (!isUnderWay(failover)) {
    const said = commands.flatMap((type) =>
      [false, true].map((discardChanges): Tried => ({ event: { type, discardChanges }, column: type })),
    );
    return [...said, { event: { type: "due" }, column: "done" }];
  }
  if (failover.runId === undefined) return [{ event: { type: "begins", runId } }];
  const done = results.map((result): Tried => ({ event: { type: "done", result }, column: "done" }));
  return [...done, { event: { type: "failed", reason } }];
};
