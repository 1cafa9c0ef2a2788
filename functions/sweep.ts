import type { Instant } from "../core/api/ids.ts";
import type { Plan } from "../core/api/plan.ts";
import type { Shard } from "../core/api/run.ts";
import { addSeconds, secondsBetween } from "../core/ports/clock.ts";
import type { Key } from "../core/ports/store.ts";
import { tellRefusals } from "./audit/refusals.ts";
import { tellRefusedPeers } from "./audit/refused-peers.ts";
import { mapBounded } from "./concurrency/map-bounded.ts";
import {
  failoverOfKey,
  failoverPrefix,
  refusalPrefix,
  refusedPeersPrefix,
  runOfKey,
  runPrefix,
  shardOfKey,
} from "./documents/records.ts";
import { keyText } from "./documents/store-rules.ts";
import { applyToPlan, drain, dueSecondsMax, follow, planDueAt } from "./engine/engine.ts";
import { isOutbox } from "./engine/outbox.ts";
import { lookAtPart } from "./engine/parts.ts";
import { lookAtShard } from "./engine/take-task.ts";
import { goOnWithFailover } from "./failover/go-on.ts";
import { isStuck } from "./monitoring/stuck.ts";
import type { Deps } from "./ports/deps.ts";
import { deleteExpired } from "./runs/expiry.ts";
import { loadRun } from "./runs/runs.ts";

/** Documents that are asked for at once; however many there are, memory does not grow. */
const documentsPerPage = 500;
const documentsAtOnce = 4;
/** Nothing new is begun after this: the function has a minute. */
const secondsMax = 45;
const putOffSeconds = 600;

/** Later than any document can be due. */
const endOfTime = "9999-12-31T23:59:59.999Z" as Instant;

/**
 * Once a minute: finds what time has overtaken, and moves it on, the longest overdue first. Effects
 * that were not carried out, tasks whose deadline has passed, plans whose slot has come without a
 * run; and what would not be due for so long that only a clock that was wrong can have written it.
 * What there is no time for is still due at the next one. Then runs are deleted that are of no use
 * any more.
 *
 * @returns how many documents were due, how many of them failed, and which of these keep failing
 */
export const handleSweep = async (deps: Deps): Promise<Swept> => {
  const now = deps.clock.now();
  const isTimeUp = () => secondsBetween(now, deps.clock.now()) > secondsMax;
  const overdue = await sweepAll(deps, { now, isTimeUp });
  const ahead = await sweepAll(deps, { after: addSeconds(now, dueSecondsMax), now: endOfTime, isTimeUp });
  await deleteExpired(deps, isTimeUp);
  return {
    due: overdue.due + ahead.due,
    failed: overdue.failed + ahead.failed,
    stuck: [...overdue.stuck, ...ahead.stuck],
  };
};

interface Swept {
  readonly due: number;
  readonly failed: number;
  readonly stuck: readonly Key[];
}

interface Span {
  readonly now: Instant;
  readonly after?: Instant;
  readonly isTimeUp: () => boolean;
}

/** All that is due in a span of time, page by page. */
const sweepAll = async (deps: Deps, { now, after, isTimeUp }: Span): Promise<Swept> => {
  const seen = new Set<string>();
  const failed: Key[] = [];
  // What could not be put off either is still first in the index, as may be what was just moved on.
  let stale = 0;
  while (!isTimeUp()) {
    const limit = documentsPerPage + stale;
    const page = await deps.store.due({ now, limit, ...(after !== undefined && { after }) });
    const fresh = page.filter((key) => !seen.has(keyText(key)));
    for (const key of fresh) seen.add(keyText(key));
    const went = await mapBounded(fresh, documentsAtOnce, async (key) => isTimeUp() || (await trySweep(deps, key)));
    const stayed = fresh.filter((_, index) => !went[index]);
    failed.push(...stayed);
    stale = page.length - fresh.length + stayed.length;
    if (page.length < limit) break;
  }
  const isToldStuck = await mapBounded(failed, documentsAtOnce, (key) => isStuck(deps, key).catch(() => false));
  return { due: seen.size, failed: failed.length, stuck: failed.filter((_, index) => isToldStuck[index]) };
};

/** @returns whether it went */
const trySweep = async (deps: Deps, key: Key): Promise<boolean> => {
  try {
    await sweepOne(deps, key);
    return true;
  } catch (error) {
    deps.log.failed({ err: error, key }, "the sweep could not move a document on");
    await tryPutOff(deps, key);
    return false;
  }
};

/**
 * What can't be put off either, because somebody else has just changed it or the store is busy, is
 * due at the next sweep.
 */
const tryPutOff = async (deps: Deps, key: Key): Promise<void> => {
  try {
    await putOff(deps, key);
  } catch (error) {
    deps.log.failed({ err: error, key }, "it could not be put off");
  }
};

/** What could not be moved on must not stand in the way of the others at every sweep. */
const putOff = async (deps: Deps, key: Key): Promise<void> => {
  // An outbox entry has put itself off, and of a refusal the version counts.
  if (isOutbox(key) || key.sort.startsWith(refusalPrefix)) return;
  const stored = await deps.store.get<object>(key);
  if (stored === undefined) return;
  const dueAt = addSeconds(deps.clock.now(), putOffSeconds);
  await deps.store.commit([{ type: "put", key, body: stored.body, expect: { version: stored.version }, dueAt }]);
};

const sweepOne = async (deps: Deps, key: Key): Promise<void> => {
  if (isOutbox(key)) return drain(deps, key);
  if (key.sort === "PLAN") return sweepPlan(deps, key);
  if (key.sort.startsWith(runPrefix)) return sweepPart(deps, key);
  if (key.sort.startsWith("SHARD#")) return sweepShard(deps, key);
  if (key.sort.startsWith(failoverPrefix)) return goOnWithFailover(deps, failoverOfKey(key));
  if (key.sort.startsWith(refusalPrefix)) return tellRefusals(deps, key);
  if (key.sort.startsWith(refusedPeersPrefix)) return tellRefusedPeers(deps, key);
  throw new Error(`nobody looks after documents like ${key.sort}`);
};

/** A plan of which no slot has come was only looked at, and has to be looked at again in time. */
const sweepPlan = async (deps: Deps, key: Key): Promise<void> => {
  const before = await deps.store.get<Plan>(key);
  if (before === undefined) return;
  await applyToPlan(deps, before.body.id, { type: "tick" });
  const stored = await deps.store.get<Plan>(key);
  if (stored === undefined || stored.version !== before.version) return;
  const { body, version } = stored;
  const dueAt = planDueAt(body, deps.clock.now());
  await deps.store.commit([{ type: "put", key, body, expect: { version }, ...(dueAt === undefined ? {} : { dueAt }) }]);
};

/** A run of an earlier version is due itself, and reading it is all that it wants. */
const sweepPart = async (deps: Deps, key: Key): Promise<void> => {
  const { runId, target } = runOfKey(key);
  const loaded = await loadRun(deps, runId);
  if (loaded === undefined || target === undefined) return;
  const stored = loaded.parts.get(target);
  if (stored !== undefined) await follow(deps, await lookAtPart(deps, loaded, target, stored));
};

const sweepShard = async (deps: Deps, key: Key): Promise<void> => {
  const stored = await deps.store.get<Shard>(key);
  if (stored !== undefined) await follow(deps, await lookAtShard(deps, shardOfKey(key), stored));
};
