import { VisibleError } from "../../core/api/errors.ts";
import type { RunId } from "../../core/api/ids.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import { applyToPart } from "../engine/engine.ts";
import type { Deps } from "../ports/deps.ts";
import { needRun } from "../runs/runs.ts";

/**
 * Ends an attachment: its group is held no more, and its gateway hears of it.
 * @throws VisibleError RUN_UNKNOWN, RUN_ENDED, BAD_REQUEST for a run that is none
 */
export const detach = async (deps: Deps, runId: RunId): Promise<void> => {
  const { run } = await needRun(deps, runId);
  if (run.kind !== "attach") {
    throw new VisibleError("BAD_REQUEST", `The run ${runId} is no attachment.`, {
      hint: "See those that there are with: smtx-backup group attachments",
    });
  }
  const open = partsOf(run).filter(([, part]) => !hasEnded(part));
  if (open.length === 0) throw new VisibleError("RUN_ENDED", "The attachment has ended already.");
  for (const [target] of open) await applyToPart(deps, runId, target, { type: "detach" });
};
