import { VisibleError } from "../../core/api/errors.ts";
import type { Order } from "../../core/api/failover/order.ts";
import { holdsMax } from "../../core/api/group.ts";
import {
  type FailoverId,
  type Instant,
  type PlanId,
  planIdOf,
  type RunId,
  restoreIdOf,
  type SiteId,
} from "../../core/api/ids.ts";
import type { RestoreKind, Run, RunPlan } from "../../core/api/run.ts";
import type { Change } from "../../core/ports/store.ts";
import { newRun } from "../../core/run/new-run.ts";
import { retrying } from "../documents/conflicts.ts";
import { runKey, runPlanKey } from "../documents/records.ts";
import { tryDrain } from "../engine/engine.ts";
import { putRun } from "../engine/new-run.ts";
import { putOutbox } from "../engine/outbox.ts";
import { withHold } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { freeSlot } from "../runs/free-slot.ts";
import { loadRun, needRun } from "../runs/runs.ts";
import { type Restorable, readPublishedGroup } from "./restorable.ts";

/** Of a failover: the run of that instant, however often it is begun. */
export interface InFailover {
  readonly failoverId: FailoverId;
  /** At which neither a run of the plan nor what a person has asked for has its name. */
  readonly slot: Instant;
}

/** A restore that was found to be possible. */
export interface Beginning {
  readonly kind: RestoreKind;
  /** Of kind `failover`. */
  readonly order?: Order;
  readonly inFailover?: InFailover | undefined;
  /** What it reads; the group is held at its site until the restore has ended. */
  readonly of: Restorable;
  /**
   * The site at which it does its work. Where that is another one, the group is brought there,
   * unless it is of kind `failover`.
   */
  readonly target: SiteId;
  readonly objectCount: number;
  /** Of a restore that takes a group of its own. Else that of the group that it reads. */
  readonly sequence?: number;
  /** What its tasks are made of, besides the group. */
  readonly told: Omit<NonNullable<RunPlan["restore"]>, "fromRunId" | "fromGroupId" | "fromSiteId">;
  /** What stands for the plan's objects at the target, which it writes. */
  readonly standIns?: readonly RunId[] | undefined;
  /** When it ends at the latest, for people; where that is known. */
  readonly until?: Instant;
  /**
   * What else is written in the same transaction, such as locks. It is asked anew for each try, so
   * what it reads and puts a condition on is what is there then.
   * @throws what ends it: a `VisibleError` of a lock that another run has
   */
  readonly alongside?: (run: Run) => Promise<readonly Change[]>;
}

/**
 * Begins a restore: a run of the group's plan, and a hold on the group, in one transaction. Many
 * that begin at once, also of one group and in the same millisecond, all get a run of their own.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE (it is being deleted meanwhile),
 *   GROUP_BUSY (too many read it), CONFLICT (others were faster every time), and what `alongside`
 *   throws
 */
export const beginRestore = async (deps: Deps, beginning: Beginning): Promise<Run> => {
  const { inFailover, of } = beginning;
  const begun = inFailover && (await readBegun(deps, of.origin.planId, inFailover));
  if (begun !== undefined) return begun;
  const { run, outbox } = await retrying(deps, () => tryToBegin(deps, beginning), {
    others: "Too many others began to read the group at the same time.",
  });
  await tryDrain(deps, outbox);
  return (await needRun(deps, run.id)).run;
};

/**
 * A restore of a failover that was begun before.
 * @throws VisibleError CONFLICT (something else has its name)
 */
export const readBegun = async (
  deps: Deps,
  planId: PlanId,
  { failoverId, slot }: InFailover,
): Promise<Run | undefined> => {
  const run = (await loadRun(deps, restoreIdOf(planId, slot)))?.run;
  if (run === undefined || run.failoverId === failoverId) return run;
  throw new VisibleError("CONFLICT", `The restore ${run.id} began in the same instant.`, { hint: "Try again." });
};

const tryToBegin = async (deps: Deps, beginning: Beginning) => {
  const { kind, order, inFailover, of, target, objectCount, told, standIns = [], until, alongside } = beginning;
  const { id: groupId, siteId } = of.group;
  const { sequence = of.group.sequence } = beginning;
  const held = await readPublishedGroup(deps, groupId, siteId);
  if (held.body.holds.length >= holdsMax) throw tooManyHolds(of);
  const planId = planIdOf(groupId);
  const now = deps.clock.now();
  const slot = inFailover?.slot ?? (await freeSlot(deps, planId, now));
  const { source } = of.origin;
  const sender = siteId === target || kind === "failover" ? undefined : siteId;
  const run = newRun({
    ...{ planId, kind, trigger: "person", slot, sequence, source, sender, targets: [target], objectCount, now },
    ...{ id: restoreIdOf(planId, slot), order, failoverId: inFailover?.failoverId },
  });
  const from = { fromRunId: of.origin.id, fromGroupId: groupId, fromSiteId: siteId };
  const { standIns: _, ...originPlan } = of.originPlan;
  const placed = standIns.length > 0 ? { standIns: [...standIns] } : {};
  const runPlan: RunPlan = { ...originPlan, ...placed, runId: run.id, restore: { ...told, ...from } };
  const effects = { of: "plan", planId, effects: [{ type: "start", runId: run.id, target }] } as const;
  const outbox = putOutbox({ aggregate: runKey(run.id), version: 1, effects, now });
  const group = withHold(held.body, { runId: run.id, kind, ...(until !== undefined && { until }) });
  await deps.store.commit([
    ...putRun(run, now),
    { type: "put", key: runPlanKey(run.id), body: runPlan, expect: "absent" },
    { type: "put", key: held.key, body: group, expect: { version: held.version } },
    ...((await alongside?.(run)) ?? []),
    outbox,
  ]);
  return { run, outbox };
};

const tooManyHolds = ({ group: { id, siteId, holds } }: Restorable) =>
  new VisibleError("GROUP_BUSY", `The group ${id} on ${siteId} is read by ${holds.length} runs now.`, {
    hint: `Wait until some of them have ended; see which with: smtx-backup group show ${id}`,
  });
