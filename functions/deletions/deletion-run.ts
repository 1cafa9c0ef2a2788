import { deletionIdOf, type FailoverId, type Instant } from "../../core/api/ids.ts";
import type { RunPlan } from "../../core/api/run.ts";
import type { Change } from "../../core/ports/store.ts";
import { newRun } from "../../core/run/new-run.ts";
import { runKey, runPlanKey } from "../documents/records.ts";
import { putRun } from "../engine/new-run.ts";
import { putOutbox } from "../engine/outbox.ts";
import type { Wanted } from "./going-now.ts";

interface When {
  readonly slot: Instant;
  readonly now: Instant;
  /** The failover that begins it. Absent: a person does. */
  readonly failoverId?: FailoverId;
}

/** What makes the run of a deletion. */
export const deletionRun = (
  { plan, upTo, told }: Pick<Wanted, "plan" | "upTo" | "told">,
  { slot, now, failoverId }: When,
) => {
  const { id: planId, source, compression, name: planName } = plan;
  const targets = told.sites.map(({ siteId }) => siteId);
  const run = newRun({
    ...{ planId, kind: "deletion", trigger: "person", slot, sequence: upTo, source, targets, objectCount: 1, now },
    ...{ id: deletionIdOf(planId, slot), failoverId },
  });
  const runPlan: RunPlan = { runId: run.id, planName, compression, deletion: told };
  const starts = targets.map((target) => ({ type: "start", runId: run.id, target }) as const);
  const outbox = putOutbox({
    aggregate: runKey(run.id),
    version: 1,
    effects: { of: "plan", planId, effects: starts },
    now,
  });
  const changes: readonly Change[] = [
    ...putRun(run, now),
    { type: "put", key: runPlanKey(run.id), body: runPlan, expect: "absent" },
    outbox,
  ];
  return { run, outbox, changes };
};
