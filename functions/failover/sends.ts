import { VisibleError } from "../../core/api/errors.ts";
import type { Failover } from "../../core/api/failover/failover.ts";
import type { Group } from "../../core/api/group.ts";
import { type Instant, runIdOf, type SiteId } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { groupKey } from "../documents/records.ts";
import { runPlanFor } from "../engine/commands.ts";
import type { Deps } from "../ports/deps.ts";
import type { RunWork } from "./work.ts";

/** Slots of schedules are whole minutes, and these never are. */
const notWhole = (now: Instant): Instant => (now.endsWith(":00.000Z") ? addSeconds(now, 0.001) : now);

/** A run of the plan to one of its targets alone. */
const send = (targetOf: (failover: Failover) => SiteId): RunWork => ({
  type: "run",
  idOf: ({ planId }, slot) => runIdOf(planId, slot),
  from: ({ clock }) => notWhole(clock.now()),
  begin: async (deps, failover, { failoverId, slot }) => {
    const target = targetOf(failover);
    const runId = await runPlanFor(deps, failover.planId, { failoverId, slot, targets: [target] });
    if (runId !== undefined) return undefined;
    throw new VisibleError("FAILOVER_UNDER_WAY", `The plan “${failover.planName}” sends nothing to ${target} now.`, {
      hint: `See it with: smtx-backup plan show ${failover.planName}`,
    });
  },
  result: async (deps: Deps, failover, { groupId }) => {
    const group = await deps.store.get<Group>(groupKey(groupId, targetOf(failover)));
    if (group !== undefined) return { group: { id: groupId, takenAt: group.body.takenAt } };
    throw new VisibleError("GROUP_UNKNOWN", `Nothing is known of the group ${groupId} at ${targetOf(failover)}.`, {
      hint: `See what it has with: smtx-backup group list --site ${targetOf(failover)}`,
    });
  },
});

export const sendThere = send(({ to }) => to);
export const sendBack = send(({ home }) => home);
