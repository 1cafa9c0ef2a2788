import type { Failover } from "../../core/api/failover/failover.ts";
import type { Instant, RunId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { StepResult } from "../../core/failover/events.ts";
import type { Deps } from "../ports/deps.ts";
import type { InFailover } from "../restores/begin.ts";

/** What a state does is a run. */
export interface RunWork {
  readonly type: "run";
  readonly idOf: (failover: Failover, slot: Instant) => RunId;
  /** From when on a slot is looked for that names it. */
  readonly from: (deps: Pick<Deps, "clock">) => Instant;
  /**
   * Begins it, if it has not begun.
   * @returns what it has come to where there was nothing to do
   * @throws VisibleError why it can't be done
   */
  readonly begin: (deps: Deps, failover: Failover, of: InFailover) => Promise<StepResult | undefined>;
  /** What a run that has succeeded has come to. */
  readonly result: (deps: Deps, failover: Failover, run: Run) => Promise<StepResult>;
}

/** What a state does is done at once, and as well twice. */
interface ActWork {
  readonly type: "act";
  readonly act: (deps: Deps, failover: Failover) => Promise<StepResult>;
}

export type StateWork = RunWork | ActWork;
