import { VisibleError } from "../api/errors.ts";
import type { Failover, FailoverCommand } from "../api/failover/failover.ts";
import { endStates, failoverTable } from "./table.ts";

/** Why a command is refused of a failover as it is; undefined: it is not. */
export const commandRefusal = (failover: Failover, command: FailoverCommand): VisibleError | undefined => {
  const { state, kind, planName, to } = failover;
  const say = (what: string) => `smtx-backup ${what}`;
  if (endStates.has(state)) {
    return new VisibleError("FAILOVER_ENDED", `The failover of “${planName}” to ${to} has ended.`, {
      hint: `Begin another one: ${say(`failover ${planName} --to ${to}`)}`,
    });
  }
  if (kind === "test" && command === "failback") {
    return new VisibleError("NOT_FAILED_OVER", `The plan “${planName}” was not failed over: it is a test at ${to}.`, {
      hint: `It is removed by itself; sooner with: ${say(`failover undo ${planName} --test`)}`,
    });
  }
  if (failoverTable[state][command] !== undefined) return undefined;
  if (command === "failback") {
    return new VisibleError("NOT_FAILED_OVER", `The failover of “${planName}” to ${to} is in “${state}”.`, {
      hint: `Go on with it: ${say(`failover continue ${planName}`)} Or undo it: ${say(`failover undo ${planName}`)}`,
    });
  }
  const hint =
    kind === "test"
      ? `It is removed by itself; sooner with: ${say(`failover undo ${planName} --test`)}`
      : `Bring it back home: ${say(`failback ${planName}`)} Or undo it: ${say(`failover undo ${planName}`)}`;
  return new VisibleError("NOTHING_TO_CONTINUE", `The failover of “${planName}” to ${to} waits for nothing.`, { hint });
};
