import type { Group } from "../../core/api/group.ts";
import type { GroupId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { Deps } from "../deps.ts";
import { baseKey, groupKey } from "../records.ts";
import { readFacts, type SnapshotFact } from "./facts.ts";
import { readGroups } from "./groups.ts";

/** Which group an increment is measured against, and where its snapshots are on the source. */
export interface Base {
  readonly groupId: GroupId;
  /** Source volume id → the snapshot that is the base there; empty when the source has lost it. */
  readonly snapshotIds: ReadonlyMap<string, string>;
  /** Source volumes that the target's group has. */
  readonly volumeIds: ReadonlySet<string>;
}

/**
 * The newest group that the target has published before this run (W13), with the snapshots it was made of if they are
 * still on the source (I4). Undefined: the target has none, and everything is sent.
 */
export const readBase = async (deps: Deps, run: Run, target: SiteId): Promise<Base | undefined> => {
  const groups = await readGroups(deps, run.planId, target);
  const newest = groups
    .map((stored) => stored.body)
    .filter((group) => group.role === "mirror" && group.state === "published" && group.sequence < run.sequence)
    .reduce<Group | undefined>(
      (best, group) => (best === undefined || group.sequence > best.sequence ? group : best),
      undefined,
    );
  if (newest === undefined) return undefined;
  const source = await deps.store.get<Group>(groupKey(newest.id, run.source));
  const facts = await readFacts<SnapshotFact>(deps, newest.runId, "snapshotting", "source");
  const isThere = source?.body.state === "published";
  const pairs = facts.flatMap((fact) =>
    fact.config.volumes.map((volume, i) => [volume.id, fact.snapshotIds[i]] as const),
  );
  return {
    groupId: newest.id,
    volumeIds: new Set(pairs.map(([volumeId]) => volumeId)),
    snapshotIds: new Map(isThere ? pairs.flatMap(([volumeId, id]) => (id === undefined ? [] : [[volumeId, id]])) : []),
  };
};

/** What a transfer was measured against, for people: written down when it is given out. */
export interface BaseFact {
  readonly baseGroupId: GroupId | null;
  readonly why: "first-backup" | "increment" | "base-gone-from-source";
}

export const baseFactOf = (base: Base | undefined): BaseFact => {
  if (base === undefined) return { baseGroupId: null, why: "first-backup" };
  return { baseGroupId: base.groupId, why: base.snapshotIds.size > 0 ? "increment" : "base-gone-from-source" };
};

export const readBaseFact = async (deps: Deps, runId: RunId, target: SiteId): Promise<BaseFact | undefined> =>
  (await deps.store.get<BaseFact>(baseKey(runId, target)))?.body;
