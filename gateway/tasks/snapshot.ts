import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanObject, planObjectsMax, runVolumesMax } from "../../core/api/plan.ts";
import type { SnapshotTask, TaskResultOf } from "../../core/api/task.ts";
import type { SnapshotGroup, SnapshotGroupOptions } from "../storage/control.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { chooseObjects, objectKey } from "./entries.ts";
import { absentObjects, withLastSequences } from "./gone.ts";
import { isAtHome, standInsOf } from "./home/objects-here.ts";
import { originals, type PlanView, planView } from "./home/plan-view.ts";
import { nothingLeft } from "./nothing-left.ts";
import { boundedWarnings } from "./warnings.ts";

/** Looks at the site before its objects are said to change too fast. */
const looksMax = 5;

/**
 * Takes the run's snapshot group: one snapshot of every volume of every object that the plan's
 * entries are now, at the same instant (W5). Objects that are gone or can't be used are told, and
 * the others taken. Done again, it gives the group that is there, as it was told then, whatever has
 * become of its objects. Of what stands for the plan's objects it takes and tells those, as the
 * originals' site would tell them.
 * @throws OBJECT_GONE, OBJECT_UNUSABLE (nothing is left to be taken), OBJECT_LOCKED,
 *   PLAN_TOO_LARGE, GROUP_INCOMPLETE, GROUP_EXISTS, GROUP_STALE, and what else the storage throws
 */
export const snapshot = async (task: SnapshotTask, context: TaskContext): Promise<TaskResultOf<"snapshot">> => {
  const known = await context.storage.findGroup(task.groupId);
  return resultOf(known?.objects ? await takeAgain(task, context, known) : await take(task, context));
};

/** What is in a group, and what there is to be told of it. */
type Taken = Told & Pick<SnapshotGroup, "takenAt" | "snapshots">;
type Told = Pick<SnapshotGroup, "because" | "gone" | "warnings"> & { readonly objects: readonly ObjectConfig[] };
type ToTake = Told & Pick<SnapshotGroupOptions, "volumeIds" | "standsFor" | "mappings">;

/** The storage says whether it is this run's. */
const takeAgain = async (task: SnapshotTask, { storage }: TaskContext, known: SnapshotGroup): Promise<Taken> => {
  const { because, gone, warnings } = known;
  const told = {
    objects: known.objects ?? [],
    ...(because && { because }),
    ...(gone && { gone }),
    ...(warnings && { warnings }),
  };
  const volumeIds = known.snapshots.map(({ volumeId }) => volumeId);
  return { ...(await storage.snapshotGroup(optionsOf(task, { ...told, volumeIds }))), ...told };
};

const take = async (task: SnapshotTask, context: TaskContext): Promise<Taken> => {
  for (let looks = 1; ; looks++) {
    const { view, ...told } = await look(task, context);
    refuseLocked(task, told.objects, view);
    try {
      const group = await context.storage.snapshotGroup(optionsOf(task, { ...told, ...placedOf(told, view) }));
      // Another gateway may have taken it in the meantime, of objects that looked otherwise.
      return group.objects ? { ...group, objects: group.objects } : { ...group, ...told };
    } catch (error) {
      if (!VisibleError.is(error, "VOLUME_UNKNOWN")) throw error;
      if (looks === looksMax) throw neverTheSame(error);
      context.log.info({ err: error, looks }, "a volume has gone since the objects were looked at: looking again");
    }
  }
};

const optionsOf = (task: SnapshotTask, told: ToTake): SnapshotGroupOptions => ({
  groupId: task.groupId,
  owner: ownerOf(task),
  ...(task.keepUntil === undefined ? { sequence: task.sequence } : { keepUntil: task.keepUntil }),
  ...told,
  ...(task.planName !== undefined && { planName: task.planName }),
});

/** What the site calls the volumes that are told, and where else it is connected than they say. */
const placedOf = (
  { objects }: Told,
  { standsFor, mappings }: PlanView,
): Pick<ToTake, "volumeIds" | "standsFor" | "mappings"> => {
  const wanted = volumeIdsOf(objects);
  const local = new Map(standsFor.map(({ volumeId, homeId }) => [homeId, volumeId]));
  const stands = standsFor.filter(({ homeId }) => wanted.has(homeId));
  return {
    volumeIds: [...wanted].map((id) => local.get(id) ?? id),
    ...(stands.length > 0 && { standsFor: stands }),
    ...(mappings.size > 0 && { mappings: objects.map((object) => mappings.get(objectKey(object)) ?? null) }),
  };
};

/** Each once, however many of the objects have it. */
const volumeIdsOf = (objects: readonly ObjectConfig[]): ReadonlySet<string> =>
  new Set(objects.flatMap(({ volumes }) => volumes.map(({ id }) => id)));

const neverTheSame = (cause: VisibleError): VisibleError =>
  new VisibleError("VOLUME_UNKNOWN", `Each of ${looksMax} times, a volume had gone before it could be snapshotted.`, {
    hint: "It will be tried again. See what makes and deletes volumes at the site all the time.",
    retryable: true,
    cause,
  });

/** What the plan's entries are now. */
const look = async (task: SnapshotTask, context: TaskContext): Promise<Told & { readonly view: PlanView }> => {
  const { storage } = context;
  const entries = task.objects;
  const hasRules = entries.some(isRule);
  const { view, made } = await viewFor(task, context);
  const site = view.objects;
  const choice = chooseObjects(entries, site, view.unusable);
  const { objects, because, missing, warnings } = choice;
  if (task.keepUntil !== undefined) refuseMissing(missing);
  if (objects.length === 0) throw nothingLeft({ entries, missing, warnings, site });
  refuseMany(objects);
  const owner = ownerOf(task);
  const isWhole = missing.length === 0 && warnings.length === 0;
  const before = hasRules || !isWhole ? await storage.newestSourceGroup(owner) : undefined;
  const absent = absentObjects({ entries, site, choice, before: before?.objects ?? made });
  const ids = absent.map(({ kind, id }) => ({ kind, id }));
  const last = ids.length > 0 ? await storage.lastSequences({ owner, objects: ids }) : [];
  const gone = withLastSequences(absent, last, before?.gone ?? []);
  return { objects, because, gone, warnings: boundedWarnings(warnings), view };
};

/** What there may be to take, and what there was of it when restores made it. */
const viewFor = async (
  task: SnapshotTask,
  { storage }: TaskContext,
): Promise<{ readonly view: PlanView; readonly made: readonly ObjectConfig[] }> => {
  const standIns = await standInsOf(task, storage);
  const made = standIns.map(({ home }) => home);
  if (!isAtHome(task)) return { view: planView(standIns, undefined), made };
  const disks = standIns.flatMap(({ volumes }) => volumes.map(({ volumeId: id }) => ({ kind: "volume" as const, id })));
  const named = task.objects.flatMap((entry) => (isRule(entry) ? [] : [{ kind: entry.kind, id: entry.id }]));
  // All that there is has what is named.
  const site = task.objects.some(isRule) ? await storage.inventory() : await storage.findObjects([...named, ...disks]);
  return standIns.length === 0 ? { view: originals(site), made } : { view: planView(standIns, site), made: [] };
};

/** Of what is to be rolled back nothing may be missing. @throws OBJECT_GONE */
const refuseMissing = ([first]: readonly PlanObject[]): void => {
  if (first === undefined) return;
  throw new VisibleError("OBJECT_GONE", `The ${first.kind} “${first.name}” (${first.id}) was deleted meanwhile.`, {
    hint: "Nothing was rolled back. Begin again without it.",
  });
};

/** What a restore writes now is snapshotted when that has ended. @throws OBJECT_LOCKED */
const refuseLocked = ({ locked = [] }: SnapshotTask, objects: readonly ObjectConfig[], view: PlanView): void => {
  if (locked.length === 0) return;
  const runs = new Map(locked.map(({ id, runId }) => [id, runId]));
  const here = new Map(view.standsFor.map(({ volumeId, homeId }) => [homeId, volumeId]));
  for (const object of objects) {
    const { id, name, kind, volumes } = object;
    const ids = [id, view.localIds.get(objectKey(object)), ...volumes.flatMap((one) => [one.id, here.get(one.id)])];
    const runId = ids.map((one) => one && runs.get(one)).find((one) => one);
    if (runId === undefined) continue;
    throw new VisibleError("OBJECT_LOCKED", `The ${kind} “${name}” is being written by ${runId}.`, {
      hint: "It is snapshotted when that has ended.",
    });
  }
};

/** As many objects as a plan can name are in a run at most. @throws PLAN_TOO_LARGE */
const refuseMany = (objects: readonly ObjectConfig[]): void => {
  if (objects.length > planObjectsMax) throw tooMany("are", objects.length, "objects", planObjectsMax);
  const { size } = volumeIdsOf(objects);
  if (size > runVolumesMax) throw tooMany("have", size, "volumes", runVolumesMax);
};

const tooMany = (verb: string, count: number, what: string, max: number): VisibleError =>
  new VisibleError("PLAN_TOO_LARGE", `The plan's entries ${verb} ${count} ${what} now; ${max} are the most.`, {
    hint: "Split them among several plans.",
  });

const resultOf = ({ takenAt, snapshots, objects, because, gone, warnings }: Taken): TaskResultOf<"snapshot"> => {
  const ids = new Map(snapshots.map(({ sourceVolumeId, snapshotId }) => [sourceVolumeId, snapshotId]));
  const told = new Set<string>();
  return {
    kind: "snapshot",
    takenAt,
    from: 0,
    fromVolume: 0,
    objects: objects.map((config, index) => {
      const entry = because?.[index];
      const repeated = config.volumes.flatMap(({ id }, place) => (told.has(id) ? [place] : []));
      for (const { id } of config.volumes) told.add(id);
      return {
        config,
        snapshotIds: snapshotIdsOf(config, ids),
        ...(entry !== undefined && { because: entry }),
        ...(repeated.length > 0 && { repeated }),
      };
    }),
    ...(gone !== undefined && gone.length > 0 && { gone: [...gone] }),
    ...(warnings !== undefined && warnings.length > 0 && { warnings: [...warnings] }),
  };
};

/** @param ids the snapshots' ids, by volume */
const snapshotIdsOf = (config: ObjectConfig, ids: ReadonlyMap<string, string>): string[] =>
  config.volumes.map(({ id }) => {
    const snapshotId = ids.get(id);
    if (snapshotId !== undefined) return snapshotId;
    const message = `The snapshot group was taken before ${config.kind} “${config.name}” got its volume ${id}.`;
    throw new VisibleError("GROUP_INCOMPLETE", message, { hint: "Start a new run." });
  });
