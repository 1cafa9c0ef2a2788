import type { Group } from "../../core/api/group.ts";
import type { GroupId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Base, Run } from "../../core/api/run.ts";
import { isOfOrder } from "../../core/retention/order.ts";
import { flowOf } from "../../core/run/steps.ts";
import { baseKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { readFact, readFactsIn, type SnapshotFact, snapshotFactsOf } from "../runs/facts.ts";
import { putOnce } from "../runs/put-once.ts";
import { readGroups } from "./groups.ts";

export const readBase = async (deps: Deps, runId: RunId, target: SiteId): Promise<Base | undefined> =>
  (await deps.store.get<Base>(baseKey(runId, target)))?.body;

/** The base of a run's transfers to a target; chosen and written down the first time. */
export const ensureBase = async (deps: Deps, run: Run, target: SiteId): Promise<Base> => {
  const known = await readBase(deps, run.id, target);
  if (known !== undefined) return known;
  const body = await chooseBase(deps, run, target);
  if (await putOnce(deps, { key: baseKey(run.id, target), body })) return body;
  return (await readBase(deps, run.id, target)) ?? body;
};

/**
 * The newest group before this run that both sites have, in whichever role: each starts from its
 * own snapshots of it (W13). Where there is none, the newest that the target has: then hashes say
 * what differs.
 */
const chooseBase = async (deps: Deps, run: Run, target: SiteId): Promise<Base> => {
  const [there, here] = await Promise.all(
    [target, flowOf(run, target).sender].map(async (siteId) =>
      (await readGroups(deps, run.planId, siteId)).map(({ body }) => body),
    ),
  );
  const candidates = (there ?? [])
    .filter((group) => isOfOrder(group) && group.sequence < run.sequence)
    .sort((one, other) => other.sequence - one.sequence);
  const sharedAs = ({ id, takenAt }: Group) =>
    here?.find((one) => one.id === id && one.takenAt === takenAt && one.state === "published");
  const [shared, others] = [candidates.filter(sharedAs), candidates.filter((group) => !sharedAs(group))];
  const known = await firstWithFact(deps, [...shared, ...others]);
  if (known === undefined) {
    const why = there?.some(({ state }) => state === "lost") ? "base-gone-from-target" : "first-backup";
    return { baseGroupId: null, baseRunId: null, why };
  }
  const { group: base, fact } = known;
  const own = sharedAs(base);
  // Of what was taken from a manifest nobody has told by which ids the sender knows it, either.
  const isFound = own !== undefined && (own.role === "mirror" || fact.snapshotIds.length === 0);
  const ofAnotherSite = isFound ? ({ ofAnotherSite: true } as const) : {};
  const why = own === undefined ? "base-gone-from-source" : "increment";
  return { baseGroupId: base.id, baseRunId: base.runId, ...ofAnotherSite, why };
};

/** The first of which it is known what was snapshotted: nothing else can be built on. */
export const firstKnown = async (deps: Deps, groups: readonly Group[]): Promise<Group | undefined> =>
  (await firstWithFact(deps, groups))?.group;

const firstWithFact = async (deps: Deps, groups: readonly Group[]) => {
  for (const group of groups) {
    const fact = await readFact<SnapshotFact>(deps, group.runId, "snapshotting", "source", 0);
    if (fact !== undefined) return { group, fact };
  }
  return undefined;
};

/**
 * The base of one volume: the target's group, and the snapshot that it was made of if the
 * sender still has it.
 */
export interface VolumeBase {
  readonly groupId: GroupId | null;
  readonly snapshotId: string | null;
}

export const nothingThere: VolumeBase = { groupId: null, snapshotId: null };

/** Which volume of a run, and whose it is. */
export interface WhichVolume {
  readonly id: string;
  /** The index of the object that it is sent for. */
  readonly objectIndex: number;
}

/**
 * A volume that the base group did not have yet, with whichever object, has no
 * base: it is sent in full.
 */
export const baseOfVolume = async (deps: Deps, volume: WhichVolume, chosen: Base): Promise<VolumeBase> => {
  const { baseGroupId, baseRunId, why } = chosen;
  if (baseGroupId === null || baseRunId === null) return nothingThere;
  const snapshotId = await snapshotIn(deps, baseRunId, volume);
  if (snapshotId === undefined) return nothingThere;
  // What the sender has lost since, its gateway does without.
  return { groupId: baseGroupId, snapshotId: why === "increment" ? snapshotId : null };
};

/**
 * So far from its own place an object is looked for: it moves by as many as came or went before it.
 */
const reaches = [0, 4, 64];

/**
 * A run's snapshot of a volume: mostly with the object at the same place or near it, else anywhere.
 * Null: there is one, and its id was not told.
 */
const snapshotIn = async (
  deps: Deps,
  runId: RunId,
  { id, objectIndex }: WhichVolume,
): Promise<string | null | undefined> => {
  for (const reach of reaches) {
    const range = { from: Math.max(0, objectIndex - reach), count: 2 * reach + 1 };
    const some = await readFactsIn<SnapshotFact>(deps, runId, "snapshotting", "source", range);
    const found = firstDefined([...some.values()].map((fact) => snapshotOf(fact, id)));
    if (found !== undefined) return found;
  }
  for await (const fact of snapshotFactsOf(deps, runId)) {
    const found = snapshotOf(fact, id);
    if (found !== undefined) return found;
  }
  return undefined;
};

const firstDefined = <T>(some: readonly (T | undefined)[]): T | undefined => some.find((one) => one !== undefined);

const snapshotOf = ({ config, snapshotIds }: SnapshotFact, volumeId: string): string | null | undefined => {
  const place = config.volumes.findIndex(({ id }) => id === volumeId);
  return place === -1 ? undefined : (snapshotIds[place] ?? null);
};

/**
 * A target says that it has no base of a volume: people are told that the run sends some in full.
 */
export const loseBase = async (deps: Deps, runId: RunId, target: SiteId): Promise<void> => {
  const base = await readBase(deps, runId, target);
  if (base === undefined || base.why === "base-gone-from-target") return;
  await deps.store.putAll([{ key: baseKey(runId, target), body: { ...base, why: "base-gone-from-target" } }]);
};
