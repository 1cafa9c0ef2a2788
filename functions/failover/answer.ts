import { VisibleError } from "../../core/api/errors.ts";
import type { FailoverAnswer } from "../../core/api/failover/answer.ts";
import { type Failover, type FailoverState, failoverCommandSchema } from "../../core/api/failover/failover.ts";
import type { PlanId } from "../../core/api/ids.ts";
import { shownName } from "../../core/api/name.ts";
import type { Reason } from "../../core/api/reason.ts";
import { leadsTo } from "../../core/failover/decide.ts";
import { commandRefusal } from "../../core/failover/refusal.ts";
import { isUnderWay } from "../../core/failover/table.ts";
import { stateWords } from "../../core/failover/words.ts";
import { readGatewaysOfLate } from "../gateways/list.ts";
import { lookUpObjects } from "../inventory/objects.ts";
import type { Deps } from "../ports/deps.ts";
import { readCurrent } from "./failovers.ts";
import { objectsOf } from "./objects.ts";
import { besidePrefix } from "./rebuild.ts";

/** A failover as people see it, with what is to be known of both sites now. */
export const answerFailover = async (deps: Deps, failover: Failover): Promise<FailoverAnswer> => ({
  ...shortAnswer(failover),
  warnings: [...failover.warnings, ...(await runsTwice(deps, failover))],
});

/** What is to be known now of a plan that a failover has brought somewhere else. */
export const warningsOfMoved = async (deps: Deps, planId: PlanId): Promise<readonly Reason[]> => {
  const failover = await readCurrent(deps, planId, false);
  return failover === undefined ? [] : runsTwice(deps, failover);
};

/** The same by what is written down alone, for lists. */
export const shortAnswer = (failover: Failover): FailoverAnswer => {
  const { id, planId, planName, kind, home, to, createdAt, state, since, attempt, warnings, steps } = failover;
  const { endedAt, runId, halted, retryAt, turning, until, group, backGroup } = failover;
  const { unstoppable, diverged, divergedCount } = failover;
  return {
    ...{ id, planId, planName, kind, home, to, createdAt, state, since, attempt, warnings, steps },
    ...defined({ endedAt, runId, halted, retryAt, turning, until, group, backGroup }),
    ...defined({ unstoppable, diverged, divergedCount, besidePrefix: prefixBeside(failover) }),
    does: stateWords[state],
    isUnderWay: isUnderWay(failover),
    may: failoverCommandSchema.options.flatMap((command) => {
      const next = commandRefusal(failover, command) === undefined ? leadsTo(failover, command) : undefined;
      return next === undefined ? [] : [{ command, leadsTo: next }];
    }),
  };
};

const prefixBeside = ({ madeHere, madeBeside, divergedCount = 0 }: Failover): string | undefined =>
  madeHere !== undefined && divergedCount > 0 ? besidePrefix({ madeBeside, runId: madeHere }) : undefined;

const defined = <T extends object>(all: T) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };

/** Its machines are meant to run at home then, or at neither site. */
const runsAtHome: ReadonlySet<FailoverState> = new Set([
  ...(["placing-back", "starting-here", "removing", "home", "stopping-here", "placing-again"] as const),
  ...(["undo-placing", "undo-starting", "undo-removing", "undone"] as const),
]);

/** So many machines are looked up. */
const machinesMax = 100;

/**
 * Machines that are on at home although the plan is elsewhere: its site tells what it has, so it
 * answers again, and nobody has switched them off.
 */
const runsTwice = async (deps: Deps, failover: Failover): Promise<readonly Reason[]> => {
  const { state, kind, home, to, started } = failover;
  if (kind === "test" || !started || runsAtHome.has(state)) return [];
  if (!(await readGatewaysOfLate(deps, home)).some(({ alive }) => alive)) return [];
  const machines = await machinesOf(deps, failover);
  const known = await lookUpObjects(deps, home, machines.slice(0, machinesMax), []);
  const on = (known?.objects ?? []).filter(
    (object) => object.kind === "vm" && "vm" in object && object.vm.status === "RUNNING" && isOriginal(object),
  );
  const [first] = on;
  if (first === undefined) return [];
  const name = `“${shownName(first.name)}”`;
  const [which, them] = on.length > 1 ? [`${name} and ${on.length - 1} more run`, "them"] : [`${name} runs`, "it"];
  const message = `${which} at ${home}, and what stands for ${them} at ${to} may run as well. Nothing there is overwritten. Switch one side off: in the cluster's own console, or on an extentstore with: smtx-backup object power-off ${first.id} --site ${home}`;
  return [{ code: "RUNS_TWICE", message }];
};

const machinesOf = async (deps: Deps, { group, to }: Failover) => {
  if (group === undefined) return [];
  try {
    const objects = await objectsOf(deps, group, to);
    return objects.flatMap(({ kind, id }) => (kind === "vm" ? [{ kind, id }] : []));
  } catch (error) {
    if (VisibleError.is(error)) return [];
    throw error;
  }
};

const isOriginal = (object: object): boolean => !("origin" in object) || object.origin === undefined;
