import type { Instant } from "../../core/api/ids.ts";
import { type PlanId, runIdOf } from "../../core/api/ids.ts";
import type { Plan, Schedule } from "../../core/api/plan.ts";
import type { RunHead, Skip } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { slotRange } from "../../core/schedule/slots.ts";
import { planKey, runKey, skipKey, skipPrefix } from "../documents/records.ts";
import { encodeCursor } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";
import { historyExpiry } from "../runs/expiry.ts";

/**
 * What becomes of the records of a slot that is run although it was settled before, when a clock
 * was wrong.
 */
export interface SlotAgain {
  /** `clock`: the slot had its run, and this is one more. */
  readonly trigger: "schedule" | "clock";
  /** To be committed together with the run: the slot is part of no skip any more (I11). */
  readonly changes: readonly Change[];
}

/**
 * More runs of one slot there are not, with their parts: one for each time that a clock
 * was wrong just then.
 */
const documentsMax = 1700;

export const slotAgain = async (deps: Deps, plan: Plan, slot: Instant): Promise<SlotAgain> => {
  const skip = await skipWith(deps, plan.id, slot);
  if (skip === undefined) return { trigger: (await hasRun(deps, plan.id, slot)) ? "clock" : "schedule", changes: [] };
  const parts = plan.schedule && partsWithout(plan.schedule, skip.body, slot);
  // It was recorded by another schedule than the present one, and is no skip of this slot.
  if (parts === undefined) return { trigger: "clock", changes: [] };
  const [first, ...others] = parts;
  const put = (body: Skip, expect: Change["expect"]): Change => {
    return { type: "put", key: skipKey(plan.id, body.firstSlot), body, expect, ...historyExpiry(deps) };
  };
  const expect = { version: skip.version };
  const isKept = first?.firstSlot === skip.body.firstSlot;
  const rest = isKept ? others : parts;
  return {
    trigger: "schedule",
    changes: [
      isKept ? put(first, expect) : { type: "delete", key: skip.key, expect },
      ...rest.map((part) => put(part, "absent")),
    ],
  };
};

/** The skip that begins with the slot or before it, and ends with it or after. */
const skipWith = async ({ store }: Deps, planId: PlanId, slot: Instant): Promise<Stored<Skip> | undefined> => {
  const { partition, sort } = skipKey(planId, slot);
  // Everything up to and with the slot's own key lies before this.
  const cursor = encodeCursor(`${sort}~`);
  const page = await store.query<Skip>({ partition, prefix: skipPrefix, limit: 1, descending: true, cursor });
  const [skip] = page.items;
  return skip !== undefined && skip.body.lastSlot >= slot ? skip : undefined;
};

/**
 * A skip without one of its slots: what lies before it, and after it. Undefined when the schedule
 * has other slots than it counts.
 */
const partsWithout = (schedule: Schedule, skip: Skip, slot: Instant): readonly Skip[] | undefined => {
  const { firstSlot, lastSlot } = skip;
  const whole = slotRange(schedule, { after: addSeconds(firstSlot, -0.001), until: lastSlot });
  if (whole?.first !== firstSlot || whole.last !== lastSlot || whole.count !== skip.count) return undefined;
  const before = slotRange(schedule, { after: addSeconds(firstSlot, -0.001), until: addSeconds(slot, -0.001) });
  const after = slotRange(schedule, { after: slot, until: lastSlot });
  return [before, after].flatMap((part) =>
    part === undefined ? [] : [{ ...skip, firstSlot: part.first, lastSlot: part.last, count: part.count }],
  );
};

const hasRun = async ({ store }: Deps, planId: PlanId, slot: Instant): Promise<boolean> => {
  const { partition } = planKey(planId);
  const named = runKey(runIdOf(planId, slot)).sort;
  // All runs of the slot are named within its first second.
  const prefix = named.slice(0, named.indexOf("000Z#"));
  const { items } = await store.query<RunHead>({ partition, prefix, limit: documentsMax });
  return items.some(({ body }) => body.slot === slot && body.trigger === "schedule");
};
