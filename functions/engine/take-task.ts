import type { Shard } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Stored } from "../../core/ports/store.ts";
import { decideTask } from "../../core/run/decide.ts";
import type { TaskEvent } from "../../core/run/events.ts";
import { closed, isFinished, shardCount } from "../../core/run/shards.ts";
import { isAwaited, siteOfTask } from "../../core/run/steps.ts";
import { retrying } from "../documents/conflicts.ts";
import { readGateways } from "../gateways/list.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun } from "../runs/runs.ts";
import { readShard, readShards, type ShardId } from "../runs/shards.ts";
import type { Happening } from "./happenings.ts";
import { gaveUp, send, stepDone, targetsOf } from "./send-tasks.ts";
import { dueOf, puts, retryPolicyOf } from "./shards.ts";
import { windUpStep } from "./step-end.ts";

/**
 * What happened to a task: its shard's new state is written, and what follows is carried out.
 * @param known the shard as it was just read
 */
export const takeTask = async (
  deps: Deps,
  id: ShardId,
  event: TaskEvent,
  known?: Stored<Shard>,
): Promise<readonly Happening[]> => {
  const { runId, place, step } = id;
  let first = known;
  const decision = await retrying(deps, async () => {
    const stored = first ?? (await readShard(deps, id));
    first = undefined;
    if (stored === undefined) return undefined;
    const context = { now: deps.clock.now(), fraction: deps.ids.fraction() };
    const decided = decideTask(stored.body, event, context, retryPolicyOf(deps));
    if (decided.shard === stored.body) return decided;
    const { key, version, dueAt } = stored;
    const put = { type: "put", key, body: decided.shard, expect: { version } } as const;
    await deps.store.commit([{ ...put, ...dueOf(deps, decided.shard, dueAt) }]);
    return decided;
  });
  if (decision === undefined) return [];
  if (decision.gaveUp !== undefined) return gaveUp(deps, runId, place, step, decision.gaveUp);
  const { shard } = decision;
  const sent = decision.send === undefined ? [] : await send(deps, runId, place, [shard], decision.send.delaySeconds);
  return isFinished(shard) ? [...sent, ...(await whenAllDone(deps, id, shard))] : sent;
};

/**
 * Whether the last of a step's tasks was done, now that one of its shards is finished. All
 * shards are read after the last one was written, so whoever writes it sees that it was; what is
 * written of it counts once.
 */
export const whenAllDone = async (
  deps: Deps,
  { runId, place, step }: Pick<ShardId, "runId" | "place" | "step">,
  last: Shard,
): Promise<readonly Happening[]> => {
  const { count } = last;
  const shards =
    shardCount(count) === 1 ? [last] : (await readShards(deps, runId, place, step)).map(({ body }) => body);
  if (shards.filter(isFinished).length < shardCount(count)) return [];
  const came = await windUpStep(deps, { runId, place, step }, shards);
  return (await targetsOf(deps, runId, place, step)).map((target) => stepDone(runId, target, step, came));
};

/**
 * Looks at a shard that is due: its deadline may have passed, or have moved on meanwhile; or its
 * part is over, and it was forgotten.
 */
export const lookAtShard = async (deps: Deps, id: ShardId, stored: Stored<Shard>): Promise<readonly Happening[]> => {
  const { runId, place, step } = id;
  const loaded = await loadRun(deps, runId);
  const { key, version, body } = stored;
  if (loaded === undefined || !isAwaited(loaded.run, place, step)) {
    await puts(deps, { type: "put", key, body: closed(body), expect: { version } });
    return [];
  }
  const happened = await takeTask(deps, id, { type: "overdue", isStaffed: await isStaffed(deps, id, body) }, stored);
  const again = await readShard(deps, id);
  // It has moved on, and is looked at when that wants it.
  if (again === undefined || again.version !== version) return happened;
  const dueAt = body.deadline ?? undefined;
  const wanted =
    dueAt !== undefined && dueAt > deps.clock.now() ? { dueAt } : { dueAt: addSeconds(deps.clock.now(), 30) };
  await puts(deps, { type: "put", key, body, expect: { version }, ...(dueAt === undefined ? {} : wanted) });
  return happened;
};

/** Whether the site that has the task has a gateway that is alive: it may only be busy. */
const isStaffed = async (deps: Deps, { place, step }: ShardId, shard: Shard): Promise<boolean> =>
  (await readGateways(deps, siteOfTask(shard, place, step, shard.index))).some(({ alive }) => alive);
