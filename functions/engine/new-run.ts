import type { SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { Change } from "../../core/ports/store.ts";
import { partsOf } from "../../core/run/steps.ts";
import { partKey, runKey } from "../records.ts";

/** The changes that make a run and its parts, where there is none. */
export const putRun = (run: Run): readonly Change[] => {
  const { targets: _, ...head } = run;
  const part = ([target, body]: readonly [SiteId, object]): Change => {
    return { type: "put", key: partKey(run.id, target), body, expect: "absent" };
  };
  return [{ type: "put", key: runKey(run.id), body: head, expect: "absent" }, ...partsOf(run).map(part)];
};
