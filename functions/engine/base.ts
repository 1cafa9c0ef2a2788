import type { Group } from "../../core/api/group.ts";
import type { GroupId, RunId, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Run } from "../../core/api/run.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import type { Deps } from "../deps.ts";
import { baseKey, groupKey, lostBaseKey } from "../records.ts";
import { needFact, readFact, readRunPlan, type SnapshotFact } from "./facts.ts";
import { readGroups } from "./groups.ts";

/**
 * What a run's transfers to a target are measured against: chosen once, so that a later try goes on
 * from the same.
 */
export interface BaseFact {
  readonly baseGroupId: GroupId | null;
  readonly baseRunId: RunId | null;
  /** For people: a full transfer says why it is one (I4). */
  readonly why: "first-backup" | "increment" | "base-gone-from-source" | "base-gone-from-target";
}

export const readBaseFact = async (deps: Deps, runId: RunId, target: SiteId): Promise<BaseFact | undefined> =>
  (await deps.store.get<BaseFact>(baseKey(runId, target)))?.body;

/** The base of a run's transfers to a target; chosen and written down the first time. */
export const ensureBaseFact = async (deps: Deps, run: Run, target: SiteId): Promise<BaseFact> => {
  const known = await readBaseFact(deps, run.id, target);
  if (known !== undefined) return known;
  const body = await chooseBase(deps, run, target);
  try {
    await deps.store.commit([{ type: "put", key: baseKey(run.id, target), body, expect: "absent" }]);
    return body;
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
    return (await readBaseFact(deps, run.id, target)) ?? body;
  }
};

/** The newest group that the target has published before this run, and has (W13). */
const chooseBase = async (deps: Deps, run: Run, target: SiteId): Promise<BaseFact> => {
  const groups = (await readGroups(deps, run.planId, target)).map((stored) => stored.body);
  const candidates = groups
    .filter((group) => group.role === "mirror" && group.state === "published" && group.sequence < run.sequence)
    .sort((one, other) => other.sequence - one.sequence);
  const newest = await firstKnown(deps, candidates);
  if (newest === undefined) {
    const why = groups.some(({ state }) => state === "lost") ? "base-gone-from-target" : "first-backup";
    return { baseGroupId: null, baseRunId: null, why };
  }
  const why = (await isOnSource(deps, run, newest)) ? "increment" : "base-gone-from-source";
  return { baseGroupId: newest.id, baseRunId: newest.runId, why };
};

/** The first of which it is known what was snapshotted: nothing else can be built on. */
const firstKnown = async (deps: Deps, groups: readonly Group[]): Promise<Group | undefined> => {
  for (const group of groups) {
    if (await readFact<SnapshotFact>(deps, group.runId, "snapshotting", "source", 0)) return group;
  }
  return undefined;
};

/** Whether the source has the very snapshots that a target's group was made of. */
const isOnSource = async (deps: Deps, run: Run, group: { id: GroupId; takenAt: string }): Promise<boolean> => {
  const stored = await deps.store.get<Group>(groupKey(group.id, run.source));
  return stored?.body.state === "published" && stored.body.takenAt === group.takenAt;
};

/**
 * The base of one object: the target's group, and by source volume the snapshots it was made of if
 * they are still there.
 */
export interface ObjectBase {
  readonly groupId: GroupId | null;
  readonly snapshotIds: ReadonlyMap<string, string>;
}

const noBase: ObjectBase = { groupId: null, snapshotIds: new Map() };

/**
 * An object that the base group did not have yet, or that the target has lost, has no base: it is
 * sent in full.
 */
export const baseOfObject = async (
  deps: Deps,
  run: Run,
  target: SiteId,
  { index, config, fact }: { readonly index: number; readonly config: ObjectConfig; readonly fact: BaseFact },
): Promise<ObjectBase> => {
  const { baseGroupId, baseRunId } = fact;
  if (baseGroupId === null || baseRunId === null) return noBase;
  if ((await deps.store.get(lostBaseKey(run.id, target, index))) !== undefined) return noBase;
  const { objects } = await readRunPlan(deps, baseRunId);
  const baseIndex = objects.findIndex(({ id }) => id === config.id);
  if (baseIndex < 0) return noBase;
  const base = await needFact<SnapshotFact>(deps, baseRunId, "snapshotting", "source", baseIndex);
  const pairs = base.config.volumes.map((volume, i) => [volume.id, base.snapshotIds[i] ?? ""] as const);
  const had = new Map(pairs);
  if (!config.volumes.every((volume) => had.has(volume.id))) return noBase;
  const isThere = await isOnSource(deps, run, { id: baseGroupId, takenAt: base.takenAt });
  return { groupId: baseGroupId, snapshotIds: isThere ? had : new Map() };
};

/** A target says that it has no base of an object: from now on the run sends the object in full. */
export const loseBase = async (
  deps: Deps,
  about: { readonly runId: RunId; readonly target: SiteId; readonly index: number },
): Promise<void> => {
  const { runId, target, index } = about;
  const fact = await readBaseFact(deps, runId, target);
  const noted = { ...fact, why: "base-gone-from-target" };
  await deps.store.putAll([
    { key: lostBaseKey(runId, target, index), body: {} },
    ...(fact === undefined ? [] : [{ key: baseKey(runId, target), body: noted }]),
  ]);
};
