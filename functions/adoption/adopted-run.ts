import { createHash } from "node:crypto";
import type { PlanSettings, ToldPlan } from "../../core/api/adoption/told-plan.ts";
import { type Instant, type RunId, runIdOf, runIdOfGroup, type SiteId } from "../../core/api/ids.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import type { Mapping } from "../../core/api/object.ts";
import { compressionSchema, type PlanEntry, planObjectsMax } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { Run, RunPlan, Shard, TargetRun } from "../../core/api/run.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { hasEnded } from "../../core/run/steps.ts";
import { retrying } from "../documents/conflicts.ts";
import { mappingKey, partKey, planKey, runPlanKey, shardKey } from "../documents/records.ts";
import { putRun } from "../engine/new-run.ts";
import type { StoredPlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { expires } from "../runs/expiry.ts";
import { putFacts } from "../runs/facts.ts";
import { putOnce } from "../runs/put-once.ts";
import { putRunObjects } from "../runs/run-objects.ts";
import { loadRun, type StoredRun } from "../runs/runs.ts";
import { readTaken, takenOf } from "../runs/taken.ts";
import type { BelievedGroup } from "./judge.ts";

/** A run as it is known by the group that it made at a site. */
interface Made extends Pick<BelievedGroup, "manifest" | "publishedAt"> {
  readonly siteId: SiteId;
}

/**
 * The run that has made a group, as far as it matters: what was in its snapshot, so that restores
 * and increments can be made from it. What sites tell of one group may differ, where one of them
 * was taken over: each then has a run of its own, so what one says of its group says nothing of
 * another's.
 * @returns the run's id; undefined: no more of them can be told apart
 */
export const runOfGroup = async (deps: Deps, made: Made): Promise<RunId | undefined> => {
  for (const id of candidates(made)) {
    if (await isRunOf(deps, id, made)) return id;
  }
  return undefined;
};

/** The same, written down. Twice is as good as once. */
export const ensureRunOfGroup = (deps: Deps, made: Made): Promise<RunId | undefined> =>
  retrying(deps, async () => {
    const id = await runOfGroup(deps, made);
    if (id === undefined) return undefined;
    const loaded = await loadRun(deps, id);
    if (loaded !== undefined && loaded.run.adopted === undefined) return id;
    const run = newAdoptedRun(id, made, await otherTargets(deps, made));
    // From here on the id is this group's. What else is known follows, and the group comes last.
    if (loaded === undefined) await deps.store.commit([...putRun(run, deps.clock.now()), ...expires(deps, id)]);
    else await addPart(deps, loaded, made.siteId, run);
    await writeDown(deps, run, made);
    return id;
  });

/** So many sites can tell different things of one group. */
const versionsMax = 16;

function* candidates({ manifest: { groupId, planId } }: Made): Generator<RunId> {
  const first = runIdOfGroup(groupId);
  yield first;
  // By ids that no run of the plan has: slots are whole minutes, or milliseconds of a person's run.
  for (let version = 1; version < versionsMax; version += 1) {
    yield runIdOf(planId, addSeconds(slotOf(first), version / 1000));
  }
}

/** Whether the run is there and is this one, or its id is free. */
const isRunOf = async (deps: Deps, id: RunId, { siteId, manifest }: Made): Promise<boolean> => {
  const loaded = await loadRun(deps, id);
  if (loaded === undefined) return true;
  const { run } = loaded;
  if (run.sequence !== manifest.sequence) return false;
  if (run.adopted !== undefined) return run.adopted.objectsSha256 === digestOf(manifest);
  // What this control plane has seen itself, it knows better.
  const part = run.targets[siteId];
  if (part === undefined || !hasEnded(part)) return false;
  return (await readTaken(deps, run))?.at === manifest.takenAt && (await deps.store.get(runPlanKey(id))) !== undefined;
};

const digestOf = ({ takenAt, objects }: Manifest): string =>
  createHash("sha256")
    .update(JSON.stringify([takenAt, objects]))
    .digest("hex");

const slotOf = (runId: RunId): Instant => {
  const [, year, month, day, hour, minute, second, rest] =
    /_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/.exec(runId) ?? [];
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.${rest}Z` as Instant;
};

/**
 * Where the plan is known, a slot of before the table was set back may come again: its run is there
 * then, and is over at all of its targets.
 */
const otherTargets = async ({ store }: Pick<Deps, "store">, { siteId, manifest }: Made): Promise<readonly SiteId[]> => {
  const plan = await store.get<StoredPlan>(planKey(manifest.planId));
  return (plan?.body.targets ?? []).map(({ site }) => site).filter((site) => site !== siteId);
};

const newAdoptedRun = (id: RunId, { siteId, manifest, publishedAt }: Made, others: readonly SiteId[]): Run => {
  const { planId, groupId, source, sequence, takenAt, objects, plan } = manifest;
  const ended: TargetRun = {
    ...{ state: "succeeded", step: null, reason: null, warning: null, endedIn: "reclaiming" },
    ...{ startedAt: takenAt, endedAt: publishedAt },
  };
  const slot = slotOf(id);
  const unknown: TargetRun = { ...ended, state: "skipped", reason: notAdopted };
  return {
    ...{ id, planId, kind: "backup", slot, sequence, source, groupId },
    trigger: slot.endsWith(":00.000Z") ? "schedule" : "person",
    adopted: { from: siteId, objectsSha256: digestOf(manifest) },
    objectCount: Math.max(1, plan?.entries.length ?? objects.length),
    createdAt: takenAt,
    targets: { ...Object.fromEntries(others.map((site) => [site, unknown])), [siteId]: ended },
  };
};

const notAdopted: Reason = {
  code: "NOT_ADOPTED",
  message: "What the run did at this site is not known: it was taken from what another site holds.",
};

/** @throws CommitConflict when others add theirs at the same time */
const addPart = async (deps: Deps, { parts }: StoredRun, siteId: SiteId, { id, targets }: Run): Promise<void> => {
  const stored = parts.get(siteId);
  if (stored?.body.state === "succeeded") return;
  const expect = stored === undefined ? "absent" : { version: stored.version };
  await deps.store.commit([{ type: "put", key: partKey(id, siteId), body: targets[siteId] ?? {}, expect }]);
};

/** What a run leaves behind that has done all of this itself, as far as the manifest tells. */
const writeDown = async (deps: Deps, run: Run, { siteId, manifest }: Made): Promise<void> => {
  const { takenAt, objects, planName, plan } = manifest;
  const result: TaskResultOf<"snapshot"> = {
    ...{ kind: "snapshot", takenAt, from: 0 },
    // By which ids the source knows its snapshots, the manifest does not say.
    objects: objects.map((config) => ({ config, snapshotIds: [] })),
  };
  await putFacts(deps, { runId: run.id, target: run.source, step: "snapshotting", index: 0 }, result);
  const shard: Shard = {
    ...{ step: "snapshotting", shard: 0, count: 1, index: 1, attempt: 1, failures: 0, silence: 0, deadline: null },
    ...{ source: run.source, sequence: run.sequence, taken: takenOf(result) },
  };
  await putOnce(deps, { key: shardKey(run.id, run.source, "snapshotting", 0), body: shard });
  const entries = await putRunObjects(deps, run.id, 0, entriesOf(manifest));
  const told: RunPlan = {
    ...{ runId: run.id, planName, ...entries },
    compression: plan?.compression ?? compressionSchema.parse({}),
    ...(plan && { settings: settingsOf(plan) }),
  };
  await putOnce(deps, { key: runPlanKey(run.id), body: told });
  await putOnce(deps, { key: mappingKey(run.id, siteId), body: mappingOf(manifest) });
};

/** What the plan held, as it was told, or else what the group has. */
const entriesOf = ({ plan, objects }: Manifest): readonly PlanEntry[] =>
  plan?.entries ?? objects.slice(0, planObjectsMax).map(({ kind, id, name }) => ({ kind, id, name }));

const settingsOf = ({ entries: _, compression: __, ...settings }: ToldPlan): PlanSettings => settings;

/** Of all mirrors of a run at its target: they lie in one pool. */
export const mappingOf = ({ mappings = [] }: Pick<Manifest, "mappings">): Mapping => {
  const all = mappings.filter((mapping) => mapping !== null);
  const pool = all.find((mapping) => mapping.pool !== undefined)?.pool;
  const switches = Object.assign({}, ...all.map((mapping) => mapping.switches));
  return { ...(pool !== undefined && { pool }), switches };
};
