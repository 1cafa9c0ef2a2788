import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Run, Shard, Step, TargetRun } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { type Change, CommitConflict, type Stored } from "../../core/ports/store.ts";
import { decideTask } from "../../core/run/decide.ts";
import type { TaskEvent, Told } from "../../core/run/events.ts";
import { defaultRunLimits } from "../../core/run/limits.ts";
import { closed, firstShard, isFinished, reopened, shardCount } from "../../core/run/shards.ts";
import { partsOf, placeOf, siteOfTask, taskCount } from "../../core/run/steps.ts";
import { mapBounded } from "../aws/map-bounded.ts";
import type { Deps } from "../deps.ts";
import { readGateways } from "../queries/sites.ts";
import { shardKey, shardPrefix } from "../records.ts";
import { retrying } from "./advance.ts";
import { ensureBase } from "./base.ts";
import { dueBy } from "./due.ts";
import { readRunPlan } from "./facts.ts";
import type { Happening, ShardId } from "./happenings.ts";
import { loadRun } from "./runs.ts";
import { taskOf } from "./tasks.ts";

const limitsOf = ({ limits = defaultRunLimits }: Deps) => limits;

/** The shards of a step at one place; none before it has begun. */
export const readShards = async (
  { store }: Pick<Deps, "store">,
  runId: Run["id"],
  place: SiteId,
  step: Step,
): Promise<readonly Stored<Shard>[]> => {
  const { partition } = shardKey(runId, place, step, 0);
  const { items } = await store.query<Shard>({ partition, prefix: shardPrefix(place, step), limit: 100 });
  return items;
};

export const readShard = ({ store }: Pick<Deps, "store">, { runId, place, step, shard }: ShardId) =>
  store.get<Shard>(shardKey(runId, place, step, shard));

/**
 * Gives out the tasks of a step that a part has come to, as far as nobody has: those of shards that
 * are there already are their own business.
 * @param isNew the part has just come to it, so of its own shards there are none yet
 * @returns that the step is done, when it is
 */
export const dealOut = async (
  deps: Deps,
  run: Run,
  target: SiteId,
  { step, isNew }: { readonly step: Step; readonly isNew: boolean },
): Promise<readonly Happening[]> => {
  const place = placeOf(run, target, step);
  const there = isNew && place === target ? [] : await readShards(deps, run.id, place, step);
  const count = taskCount(run, step);
  const isThere = new Set(there.map(({ body }) => body.shard));
  const missing = Array.from({ length: shardCount(count) }, (_, shard) => shard).filter((shard) => !isThere.has(shard));
  const shut = there.filter(({ body }) => body.closed && !isFinished(body));
  if (missing.length + shut.length > 0) {
    const now = deps.clock.now();
    const told = await toldAll(deps, run, target, step);
    const begun = [
      ...missing.map((shard) => firstShard({ step, shard, count, told }, now, limitsOf(deps))),
      ...shut.map(({ body }) => reopened(body, now, limitsOf(deps))),
    ];
    const made = await mapBounded(begun, shardsAtOnce, (shard) => begin(deps, run, place, shard, shut));
    return send(deps, run.id, place, made.flat());
  }
  return there.every(({ body }) => isFinished(body)) ? [done(run.id, target, step)] : [];
};

const shardsAtOnce = 8;

const done = (runId: Run["id"], target: SiteId, step: Step): Happening => ({
  to: "part",
  runId,
  target,
  event: { type: "done", step },
});

/** @returns the shard, when it was not somebody else who put it there */
const begin = async (
  deps: Deps,
  run: Run,
  place: SiteId,
  shard: Shard,
  shut: readonly Stored<Shard>[],
): Promise<readonly Shard[]> => {
  const key = shardKey(run.id, place, shard.step, shard.shard);
  const before = shut.find(({ body }) => body.shard === shard.shard);
  const expect = before === undefined ? "absent" : { version: before.version };
  return (await puts(deps, { type: "put", key, body: shard, expect, ...dueOf(deps, shard, undefined) })) ? [shard] : [];
};

const puts = async (deps: Deps, change: Change): Promise<boolean> => {
  try {
    await deps.store.commit([change]);
    return true;
  } catch (error) {
    if (error instanceof CommitConflict) return false;
    throw error;
  }
};

const dueOf = ({ clock }: Deps, { deadline }: Shard, before: Stored<Shard>["dueAt"]) =>
  deadline === null ? {} : { dueAt: dueBy(deadline, clock.now(), before) };

/** What all tasks of a step are told. */
const toldAll = async (deps: Deps, run: Run, target: SiteId, step: Step): Promise<Told> => {
  const { source, sequence } = run;
  if (step !== "transferring") return { source, sequence };
  const [base, { compression }] = await Promise.all([ensureBase(deps, run, target), readRunPlan(deps, run.id)]);
  return { source, sequence, base, compression };
};

/**
 * Sends the tasks that these shards give out. One that can't be sent, however often it is tried,
 * ends the step: its site would never hear of it.
 */
const send = async (
  deps: Deps,
  runId: Run["id"],
  place: SiteId,
  shards: readonly Shard[],
  delaySeconds = 0,
): Promise<readonly Happening[]> => {
  if (shards.length === 0) return [];
  const tasks = await mapBounded(shards, shardsAtOnce, (shard) => taskOf(deps, runId, place, shard));
  try {
    for (const [siteId, some] of Map.groupBy(tasks, (task) => task.siteId)) {
      await deps.tasks.send(
        siteId,
        some.map((task) => ({ task, delaySeconds: Math.round(delaySeconds) })),
      );
    }
    return [];
  } catch (error) {
    if (!VisibleError.is(error, "MESSAGE_TOO_LARGE")) throw error;
    const reason = { code: error.code, message: `${error.message} ${error.hint}` };
    return gaveUp(deps, runId, place, shards[0]?.step, reason);
  }
};

/** The parts that a shard's tasks are done for: of the snapshot, all that wait for it. */
const targetsOf = async (deps: Deps, runId: Run["id"], place: SiteId, step: Step): Promise<readonly SiteId[]> => {
  if (step !== "snapshotting") return [place];
  const loaded = await loadRun(deps, runId);
  return loaded === undefined
    ? []
    : partsOf(loaded.run).flatMap(([target, part]) => (part.step === step ? [target] : []));
};

const gaveUp = async (
  deps: Deps,
  runId: Run["id"],
  place: SiteId,
  step: Step | undefined,
  reason: NonNullable<Shard["reason"]>,
): Promise<readonly Happening[]> => {
  if (step === undefined) return [];
  const targets = await targetsOf(deps, runId, place, step);
  return targets.map((target) => ({ to: "part", runId, target, event: { type: "gave-up", step, reason } }));
};

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
    const decided = decideTask(stored.body, event, context, limitsOf(deps));
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
 * Whether the last of a step's tasks was done, now that one of its shards is finished. All shards are read after the last one was
 * written, so whoever writes it sees that it was; what is written of it counts once.
 */
export const whenAllDone = async (
  deps: Deps,
  { runId, place, step }: Pick<ShardId, "runId" | "place" | "step">,
  { count }: Pick<Shard, "count">,
): Promise<readonly Happening[]> => {
  const shards = shardCount(count) === 1 ? [] : await readShards(deps, runId, place, step);
  const finished = shards.filter(({ body }) => isFinished(body));
  if (shardCount(count) > 1 && finished.length < shardCount(count)) return [];
  return (await targetsOf(deps, runId, place, step)).map((target) => done(runId, target, step));
};

/** A part is over: none of its tasks is given out any more, nor the snapshot when nobody waits for it. */
export const closeShards = async (deps: Deps, run: Run, target: SiteId, { endedIn }: TargetRun): Promise<void> => {
  if (endedIn === undefined) return;
  const isWanted = endedIn === "snapshotting" && partsOf(run).some(([, part]) => part.step === endedIn);
  if (isWanted) return;
  const shards = await readShards(deps, run.id, placeOf(run, target, endedIn), endedIn);
  const open = shards.filter(({ body }) => body.deadline !== null);
  await mapBounded(open, shardsAtOnce, async ({ key }) =>
    retrying(deps, async () => {
      const stored = await deps.store.get<Shard>(key);
      if (stored === undefined || stored.body.deadline === null) return;
      await deps.store.commit([{ type: "put", key, body: closed(stored.body), expect: { version: stored.version } }]);
    }),
  );
};

/**
 * Looks at a shard that is due: its deadline may have passed, or have moved on meanwhile; or its
 * part is over, and it was forgotten.
 */
export const lookAtShard = async (deps: Deps, id: ShardId, stored: Stored<Shard>): Promise<readonly Happening[]> => {
  const { runId, place, step } = id;
  const loaded = await loadRun(deps, runId);
  const isWanted =
    loaded !== undefined &&
    partsOf(loaded.run).some(([target, part]) => part.step === step && placeOf(loaded.run, target, step) === place);
  const { key, version, body } = stored;
  if (!isWanted) {
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
const isStaffed = async (deps: Deps, { place, step }: ShardId, { source, index }: Shard): Promise<boolean> =>
  (await readGateways(deps, siteOfTask({ source }, place, step, index))).some(({ alive }) => alive);
