import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Run, Shard, Step, TargetRun } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import type { Told } from "../../core/run/events.ts";
import { closed, firstShard, isFinished, reopened, shardCount } from "../../core/run/shards.ts";
import { isAwaited, isCounted, isStaging, placeOf, taskCount } from "../../core/run/steps.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { retrying } from "../documents/conflicts.ts";
import { partKey, shardKey } from "../documents/records.ts";
import { ensureBase } from "../groups/base.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "../runs/facts.ts";
import { ensureMapping } from "../runs/mapping.ts";
import { loadRun } from "../runs/runs.ts";
import { readShards } from "../runs/shards.ts";
import { readTaken, type WholeTaken } from "../runs/taken.ts";
import { dropSeed, ensureSeed } from "../staging/seed.ts";
import { ensureStagedVolumes } from "../staging/staged-volumes.ts";
import type { Happening } from "./happenings.ts";
import { send, stepDone } from "./send-tasks.ts";
import { dueOf, puts, retryPolicyOf, shardsAtOnce } from "./shards.ts";
import { windUpStep } from "./step-end.ts";

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
  const taken = isCounted(step) ? await takenFor(deps, run) : undefined;
  const count = taskCount(run, step, taken);
  const isThere = new Set(there.map(({ body }) => body.shard));
  const missing = Array.from({ length: shardCount(count) }, (_, shard) => shard).filter((shard) => !isThere.has(shard));
  const shut = there.filter(({ body }) => body.closed && !isFinished(body));
  if (missing.length + shut.length > 0) {
    const now = deps.clock.now();
    const told = await toldAll(deps, run, { target, step, taken });
    const begun = [
      ...missing.map((shard) => firstShard({ step, shard, count, told }, now, retryPolicyOf(deps))),
      ...shut.map(({ body }) => reopened(body, now, retryPolicyOf(deps))),
    ];
    const made = await mapBounded(begun, shardsAtOnce, (shard) => begin(deps, run, place, shard, shut));
    if (await isStillAwaited(deps, run, target, step)) return send(deps, run.id, place, made.flat());
    await closeAll(deps, run.id, place, step);
    if (isStaging(run, step)) await dropSeed(deps, run, target);
    return [];
  }
  const shards = there.map(({ body }) => body);
  if (!shards.every(isFinished)) return [];
  return [stepDone(run.id, target, step, await windUpStep(deps, { runId: run.id, place, step }, shards))];
};

/** What the objects and volumes are that a run's steps are about. */
const takenFor = (deps: Deps, run: Run): Promise<WholeTaken | undefined> =>
  run.sender === undefined ? readTaken(deps, run) : ensureStagedVolumes(deps, run);

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

/**
 * A part may have come to its end meanwhile: whoever ended it closed those shards that were there.
 */
const isStillAwaited = async (deps: Deps, run: Run, target: SiteId, step: Step): Promise<boolean> => {
  const part = await deps.store.get<TargetRun>(partKey(run.id, target));
  if (part?.body.step === step) return true;
  const loaded = await loadRun(deps, run.id);
  return loaded !== undefined && isAwaited(loaded.run, placeOf(run, target, step), step);
};

/** What all tasks of a step are told. */
const toldAll = async (
  deps: Deps,
  run: Run,
  { target, step, taken }: { readonly target: SiteId; readonly step: Step; readonly taken: WholeTaken | undefined },
): Promise<Told> => {
  const { source, sequence, sender, at } = run;
  const all = { source, sequence, ...(sender !== undefined && { sender }), ...(at !== undefined && { at }) };
  if (step === "preparing") {
    const { pool } = await ensureMapping(deps, run, target);
    const base = sender === undefined ? {} : { base: await ensureSeed(deps, run, target) };
    return { ...all, ...base, ...(pool !== undefined && { pool }) };
  }
  if (step !== "transferring") return all;
  const [base, { compression }] = await Promise.all([
    sender === undefined ? ensureBase(deps, run, target) : ensureSeed(deps, run, target),
    readRunPlan(deps, run.id),
  ]);
  const { volumePages } = taken ?? {};
  return { ...all, base, compression, ...(volumePages !== undefined && { volumePages }) };
};

/**
 * A part is over: none of its tasks is given out any more, nor the snapshot when
 * nobody waits for it.
 */
export const closeShards = async (deps: Deps, run: Run, target: SiteId, { endedIn }: TargetRun): Promise<void> => {
  if (endedIn === undefined) return;
  const place = placeOf(run, target, endedIn);
  if (!isAwaited(run, place, endedIn)) await closeAll(deps, run.id, place, endedIn);
};

const closeAll = async (deps: Deps, runId: RunId, place: SiteId, step: Step): Promise<void> => {
  const shards = await readShards(deps, runId, place, step);
  const open = shards.filter(({ body }) => body.deadline !== null);
  await mapBounded(open, shardsAtOnce, async ({ key }) =>
    retrying(deps, async () => {
      const stored = await deps.store.get<Shard>(key);
      if (stored === undefined || stored.body.deadline === null) return;
      await deps.store.commit([{ type: "put", key, body: closed(stored.body), expect: { version: stored.version } }]);
    }),
  );
};
