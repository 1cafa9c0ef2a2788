import type { Order } from "../api/failover/order.ts";
import { type FailoverId, groupIdOf, type Instant, type PlanId, type RunId, runIdOf, type SiteId } from "../api/ids.ts";
import type { Run, RunKind, TargetRun } from "../api/run.ts";

const queued: TargetRun = {
  state: "queued",
  step: null,
  reason: null,
  warning: null,
  startedAt: null,
  endedAt: null,
};

/** A run that nobody has begun yet, with one queued part for each target. */
export const newRun = (options: {
  /** By the slot unless given, as of a restore. */
  readonly id?: RunId;
  readonly planId: PlanId;
  readonly kind: RunKind;
  readonly order?: Order | undefined;
  readonly trigger: Run["trigger"];
  readonly slot: Instant;
  readonly sequence: number;
  readonly source: SiteId;
  readonly sender?: SiteId | undefined;
  readonly at?: SiteId | undefined;
  readonly failoverId?: FailoverId | undefined;
  readonly targets: readonly SiteId[];
  readonly objectCount: number;
  readonly now: Instant;
}): Run => {
  const { planId, kind, trigger, slot, sequence, source, sender, targets, objectCount, now } = options;
  const { id = runIdOf(planId, slot), order, at, failoverId } = options;
  return {
    id,
    planId,
    kind,
    ...(order !== undefined && { order }),
    trigger,
    slot,
    sequence,
    source,
    ...(sender !== undefined && { sender }),
    ...(at !== undefined && { at }),
    ...(failoverId !== undefined && { failoverId }),
    groupId: groupIdOf(id),
    objectCount,
    createdAt: now,
    targets: Object.fromEntries(targets.map((target) => [target, queued])),
  };
};
