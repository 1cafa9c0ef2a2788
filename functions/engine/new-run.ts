import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Run, TargetRun } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change } from "../../core/ports/store.ts";
import { partsOf } from "../../core/run/steps.ts";
import { partKey, runKey } from "../documents/records.ts";
import { lookAfterSeconds } from "./due.ts";

/**
 * The changes that make a run and its parts, where there is none. Those that have
 * begun are looked at.
 */
export const putRun = (run: Run, now: Instant): readonly Change[] => {
  const { targets: _, ...head } = run;
  const part = ([target, body]: readonly [SiteId, TargetRun]): Change => {
    const due = body.step === null ? {} : { dueAt: addSeconds(now, lookAfterSeconds) };
    return { type: "put", key: partKey(run.id, target), body, expect: "absent", ...due };
  };
  return [{ type: "put", key: runKey(run.id), body: head, expect: "absent" }, ...partsOf(run).map(part)];
};
