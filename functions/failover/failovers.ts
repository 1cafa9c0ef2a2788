import { VisibleError } from "../../core/api/errors.ts";
import { type Failover, failoverSchema } from "../../core/api/failover/failover.ts";
import type { FailoverId, Instant, PlanId } from "../../core/api/ids.ts";
import { decideFailover } from "../../core/failover/decide.ts";
import type { FailoverEvent } from "../../core/failover/events.ts";
import { endStates, isUnderWay } from "../../core/failover/table.ts";
import { addSeconds, earlier } from "../../core/ports/clock.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { retrying } from "../documents/conflicts.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { currentFailoverKey, failoverKey, failoverPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/** What goes on right after a change is looked at by the sweep this much later. */
const lookAfterSeconds = 60;
/** One whose run is on its way is told of its end; it is looked at all the same. */
const lookSeconds = 600;
/** What is due later than the sweep takes for a clock that was wrong is looked at in between. */
const lookSecondsMax = 24 * 3600;
/** So long it is known what became of it. */
const keptSeconds = 400 * 24 * 3600;

const readStored = (deps: Pick<Deps, "store">, id: FailoverId): Promise<Stored<Failover> | undefined> =>
  deps.store.get<Failover>(failoverKey(id));

/** @throws VisibleError FAILOVER_UNKNOWN */
export const needFailover = async (deps: Pick<Deps, "store">, id: FailoverId): Promise<Failover> => {
  const stored = await readStored(deps, id);
  if (stored !== undefined) return stored.body;
  throw new VisibleError("FAILOVER_UNKNOWN", `There is no failover ${id}.`, {
    hint: "List them with: smtx-backup failover list",
  });
};

/** The one of a plan that has not ended: the one that moves it, or its test. */
export const readCurrent = async (
  deps: Pick<Deps, "store">,
  planId: PlanId,
  isTest: boolean,
): Promise<Failover | undefined> => {
  const current = await deps.store.get<{ readonly failoverId: FailoverId }>(currentFailoverKey(planId, isTest));
  return current && (await readStored(deps, current.body.failoverId))?.body;
};

/** By plans, and of each in the order in which they were confirmed. */
export const listFailovers = (
  deps: Pick<Deps, "store" | "log">,
  page: PageRequest,
  planId?: PlanId,
): Promise<Page<Failover>> => {
  const { partition } = failoverKey("" as FailoverId);
  const sort = planId === undefined ? failoverPrefix : `${failoverPrefix}failover_${planId.slice("plan_".length)}_`;
  return readPage(deps, failoverSchema, { partition, sort }, page, { descending: true });
};

/** What makes a failover that was just confirmed. It is on condition that no other one is there. */
export const putNew = (deps: Pick<Deps, "clock">, failover: Failover): readonly Change[] => [
  {
    ...{ type: "put", key: failoverKey(failover.id), body: failover, expect: "absent" },
    dueAt: addSeconds(deps.clock.now(), lookAfterSeconds),
  },
  {
    ...{ type: "put", key: currentFailoverKey(failover.planId, failover.kind === "test"), expect: "absent" },
    body: { failoverId: failover.id },
  },
];

/**
 * Something happens to a failover.
 * @returns as it is then, and whether that changed anything
 * @throws VisibleError FAILOVER_UNKNOWN, CONFLICT
 */
export const changeFailover = (
  deps: Deps,
  id: FailoverId,
  event: (failover: Failover) => FailoverEvent | undefined,
): Promise<{ readonly failover: Failover; readonly isChanged: boolean }> =>
  retrying(deps, async () => {
    const stored = await readStored(deps, id);
    if (stored === undefined) return { failover: await needFailover(deps, id), isChanged: false };
    const { body: before, version } = stored;
    const happened = event(before);
    const failover = happened === undefined ? before : decideFailover(before, happened, deps.clock.now());
    if (failover === before) return { failover, isChanged: false };
    await deps.store.commit([
      putFailover({ ...stored, version }, failover, addSeconds(deps.clock.now(), lookAfterSeconds)),
      ...ended(failover),
    ]);
    return { failover, isChanged: true };
  });

const putFailover = ({ key, version }: Stored<Failover>, body: Failover, dueAt: Instant | undefined): Change => ({
  ...{ type: "put", key, body, expect: { version } },
  ...(dueAt !== undefined && { dueAt }),
  ...(body.endedAt !== undefined && { expiresAt: addSeconds(body.endedAt, keptSeconds) }),
});

/** Another one of the plan may begin. */
const ended = ({ state, planId, kind }: Failover): readonly Change[] =>
  endStates.has(state) ? [{ type: "delete", key: currentFailoverKey(planId, kind === "test"), expect: "any" }] : [];

/**
 * What is written while a failover is in a state, and not after that: whoever was slow writes
 * nothing for what has gone on.
 * @returns undefined where it is not in that state any more
 */
export const whileStill = async (
  deps: Pick<Deps, "store">,
  id: FailoverId,
  isStill: (failover: Failover) => boolean,
): Promise<Change | undefined> => {
  const stored = await readStored(deps, id);
  return stored !== undefined && isStill(stored.body) ? putFailover(stored, stored.body, stored.dueAt) : undefined;
};

/**
 * When the sweep looks again, now that all is done that follows from its state. Somebody else's
 * change in between says that itself.
 */
export const putOff = async (deps: Deps, failover: Failover): Promise<void> => {
  const stored = await readStored(deps, failover.id);
  if (stored === undefined || stored.body.state !== failover.state || stored.body.runId !== failover.runId) return;
  const dueAt = nextLook(stored.body, deps.clock.now());
  if (stored.dueAt === dueAt) return;
  await deps.store.commit([putFailover(stored, stored.body, dueAt)]);
};

const nextLook = ({ until, retryAt, ...failover }: Failover, now: Instant): Instant | undefined => {
  const times = [until, retryAt].flatMap((time) => (time === undefined ? [] : [time]));
  const isOver = endStates.has(failover.state);
  if (isOver || (times.length === 0 && !isUnderWay(failover))) return undefined;
  times.push(addSeconds(now, isUnderWay(failover) ? lookSeconds : lookSecondsMax));
  const [first, ...others] = times;
  return first && others.reduce(earlier, first);
};
