import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { isSameMirrorSet } from "../../core/api/mirror-set.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import type {
  PrepareTask,
  PublishTask,
  RebuildTask,
  ReclaimTask,
  SnapshotTask,
  TaskResultOf,
} from "../../core/api/task.ts";
import type { Grant } from "../../gateway/storage/control.ts";
import { mirrorSetOf } from "../../gateway/storage/mirror-set.ts";
import { chooseObjects, objectKey } from "../../gateway/tasks/entries.ts";
import { absentObjects, withLastSequences } from "../../gateway/tasks/gone.ts";
import { nothingLeft } from "../../gateway/tasks/nothing-left.ts";
import { configOf, lunOf, type ModelObject } from "./model-objects.ts";

export interface ModelGroup {
  readonly owner: string;
  readonly sequence: number;
  readonly takenAt: Instant;
  /** Volume id (on a target: the source's) → content. */
  readonly contents: ReadonlyMap<string, number>;
  /** By kind and id. */
  readonly objects: ReadonlySet<string>;
  /** Of a target: the manifest. */
  readonly manifest?: ReadonlyMap<string, ObjectConfig>;
  /** Of the source: what is told of it, however often. */
  readonly told?: Told;
}

/** What a snapshot is told to have, and what not. */
type Told = Pick<TaskResultOf<"snapshot">, "gone" | "warnings"> & {
  readonly objects: readonly ObjectConfig[];
  readonly because: readonly number[];
};

interface ModelMirror {
  epoch: number;
  groupId: GroupId | undefined;
  baseGroupId: GroupId | null;
  sequence: number;
  publishedSequence: number;
  complete: boolean;
  content: number;
  grant: Grant | undefined;
}

/** What is on a site's disk. */
interface ModelStore {
  readonly groups: Map<GroupId, ModelGroup>;
  readonly mirrors: Map<string, ModelMirror>;
  /** The objects that runs have prepared here, by run, until a group is published. */
  readonly prepared: Map<string, { readonly sequence: number; readonly objects: Map<number, ObjectConfig> }>;
  readonly aborted: Set<GroupId>;
  readonly rebuilt: Set<string>;
  /** How often each group of each run was really made, and really deleted. */
  readonly made: Map<string, number>;
  readonly deleted: Map<string, number>;
  newestSnapshot: number;
  /** What was brought here for restores, by whose it is, and which of that is brought no more. */
  readonly staged: Map<PlanId, { readonly store: ModelStore; readonly seed: GroupId | null }>;
  readonly unstaged: Set<PlanId>;
}

const emptyStore = (): ModelStore => ({
  groups: new Map(),
  mirrors: new Map(),
  prepared: new Map(),
  aborted: new Set(),
  rebuilt: new Set(),
  made: new Map(),
  deleted: new Map(),
  newestSnapshot: 0,
  staged: new Map(),
  unstaged: new Set(),
});

const volumeOf = (mirrorVolumeId: string) => mirrorVolumeId.slice("mirror-".length);
/** A group by what tells it from another one of the same id. */
const nameOf = (groupId: GroupId, { sequence }: { readonly sequence: number }) => `${groupId} of number ${sequence}`;

/**
 * What a site's cluster promises, as a model: a volume's content is one number, and every promise
 * of the storage port that the control plane relies on is kept or refused as the port says.
 */
export class ModelSite {
  /** What is protected: the site's own data. It is not on the disk that copies are made of. */
  readonly volumes = new Map<string, number>();
  /** Objects by id. A volume that none of them has is a LUN by itself. */
  readonly objects = new Map<string, ModelObject>();
  readonly id: SiteId;
  /** How often a mirror was to be opened with a base that its group does not have of it. */
  baseMisses = 0;
  /** As the plan's retention on this site says. */
  readonly #keepLast: number;
  #store: ModelStore;
  /** Groups of somebody else from which a mirror may start. */
  readonly #seeds: ReadonlyMap<GroupId, ModelGroup>;

  constructor(id: SiteId, keepLast: number, store = emptyStore(), seeds: ModelSite["groups"] = new Map()) {
    this.id = id;
    this.#keepLast = keepLast;
    this.#store = store;
    this.#seeds = seeds;
  }

  /** What is here of an owner: of a restore, what was brought for it and nothing else. */
  of(planId: PlanId): ModelSite {
    const staged = this.#store.staged.get(planId);
    if (staged === undefined) return this;
    const { store, seed } = staged;
    const group = seed === null ? undefined : this.groups.get(seed);
    return new ModelSite(this.id, this.#keepLast, store, new Map(seed && group ? [[seed, group]] : []));
  }

  /** How many restores have something here. */
  get stagedCount(): number {
    return this.#store.staged.size;
  }

  unstage(planId: PlanId): void {
    this.#store.unstaged.add(planId);
    this.#store.staged.delete(planId);
  }

  /** The content of a volume in a group, whoever sends it. */
  readIn(groupId: GroupId, volumeId: string): number | undefined {
    return this.groups.get(groupId)?.contents.get(volumeId);
  }

  get groups(): ReadonlyMap<GroupId, ModelGroup> {
    return this.#store.groups;
  }

  get made(): ReadonlyMap<string, number> {
    return this.#store.made;
  }

  get deleted(): ReadonlyMap<string, number> {
    return this.#store.deleted;
  }

  /** The disk as it is now. */
  copy(): ModelStore {
    return structuredClone(this.#store);
  }

  /**
   * Another disk takes the place of what is there: an older copy of it; without one, the empty
   * folder of a disk that is not mounted.
   */
  putBack(copy: ModelStore = emptyStore()): void {
    this.#store = structuredClone(copy);
  }

  /** A group vanishes, whoever took it. */
  lose(groupId: GroupId): void {
    this.#store.groups.delete(groupId);
  }

  snapshot(task: SnapshotTask, now: Instant): TaskResultOf<"snapshot"> {
    const known = this.groups.get(task.groupId);
    if (known !== undefined && known.sequence !== task.sequence) throw exists();
    if (known === undefined && task.sequence <= this.#store.newestSnapshot) throw stale(this.#store.newestSnapshot);
    const group = known ?? this.#take(task, now);
    if (known === undefined) this.#make(task.groupId, group);
    this.#store.newestSnapshot = Math.max(this.#store.newestSnapshot, task.sequence);
    const { takenAt, told } = group;
    assert(told !== undefined, "a group of a source has objects");
    const before = new Set<string>();
    const objects = told.objects.map((config, index) => {
      const ids = config.volumes.map(({ id }) => id);
      const repeated = ids.flatMap((id, place) => (before.has(id) ? [place] : []));
      for (const id of ids) before.add(id);
      const snapshotIds = ids.map((id) => `${task.groupId}/${id}/${takenAt}`);
      const because = told.because[index] ?? index;
      return { config, snapshotIds, ...(because !== index && { because }), ...(repeated.length > 0 && { repeated }) };
    });
    const { gone = [], warnings = [] } = told;
    const extras = { ...(gone.length > 0 && { gone }), ...(warnings.length > 0 && { warnings }) };
    return { kind: "snapshot", takenAt, from: 0, fromVolume: 0, objects, ...extras };
  }

  /** An object is made; its volumes hold 1. */
  add(object: ModelObject): void {
    this.objects.set(object.id, object);
    for (const id of object.volumes) this.volumes.set(id, 1);
  }

  /** All that there is to protect. */
  inventory(): readonly ObjectConfig[] {
    const taken = new Set([...this.objects.values()].flatMap(({ volumes }) => volumes));
    const loose = [...this.volumes.keys()].filter((id) => !taken.has(id)).map(lunOf);
    return [...this.objects.values(), ...loose].map(configOf);
  }

  /** The snapshot of what the plan's entries are now, by what the gateways go by. */
  #take(task: SnapshotTask, takenAt: Instant): ModelGroup {
    const entries = task.objects;
    const site = this.inventory();
    const choice = chooseObjects(entries, site);
    const { objects, because, missing, warnings } = choice;
    if (objects.length === 0) throw nothingLeft({ entries, missing, warnings, site });
    const [newest] = this.#bySequence();
    const absent = absentObjects({ entries, site, choice, before: newest?.told?.objects ?? [] });
    const last = absent.flatMap(({ kind, id }) => this.#lastOf({ kind, id }));
    const told: Told = {
      ...{ objects, because, warnings: [...warnings] as Reason[] },
      gone: [...withLastSequences(absent, last, newest?.told?.gone ?? [])],
    };
    const ids = objects.flatMap(({ volumes }) => volumes.map(({ id }) => id));
    return {
      ...{ owner: task.planId, sequence: task.sequence, takenAt, told },
      contents: new Map(ids.map((id) => [id, this.volumes.get(id) ?? 0])),
      objects: new Set(objects.map(objectKey)),
    };
  }

  #lastOf(object: Pick<PlanObject, "kind" | "id">) {
    const group = this.#bySequence().find(({ objects }) => objects.has(objectKey(object)));
    return group === undefined ? [] : [{ ...object, sequence: group.sequence }];
  }

  /** Its groups, the newest first. */
  #bySequence(): readonly ModelGroup[] {
    return [...this.groups.values()].sort((one, other) => other.sequence - one.sequence);
  }

  /** What a snapshot holds; undefined when it is not there any more. */
  read(snapshotId: string): number | undefined {
    const [groupId, volumeId = "", takenAt] = snapshotId.split("/");
    const group = this.groups.get(groupId as GroupId);
    return group?.takenAt === takenAt ? group?.contents.get(volumeId) : undefined;
  }

  prepare(task: PrepareTask): TaskResultOf<"prepare"> {
    if (task.staged === undefined) return this.#prepare(task);
    if (this.#store.unstaged.has(task.planId)) throw new VisibleError("GROUP_ABORTED", "It is brought no more.");
    const { store = emptyStore() } = this.#store.staged.get(task.planId) ?? {};
    this.#store.staged.set(task.planId, { store, seed: task.staged.seed?.groupId ?? null });
    return this.of(task.planId).#prepare(task);
  }

  #prepare(task: PrepareTask): TaskResultOf<"prepare"> {
    const known = this.groups.get(task.groupId);
    if (known !== undefined && known.sequence !== task.sequence) throw exists();
    if (known === undefined && task.sequence <= this.newestPublished()) throw stale(this.newestPublished());
    const { groupId, sequence, sender = task.source } = task;
    const session = {
      groupId: undefined,
      grant: undefined,
      baseGroupId: null,
      sequence: 0,
      publishedSequence: 0,
      complete: false,
    };
    const { mirrors } = this.#store;
    const volumes = task.object.volumes.map(({ id }) => ({ sourceVolumeId: id, mirrorVolumeId: `mirror-${id}` }));
    for (const { mirrorVolumeId } of volumes) {
      if (!mirrors.has(mirrorVolumeId)) mirrors.set(mirrorVolumeId, { epoch: 0, ...session, content: 0 });
    }
    const prepared = volumes.map(({ mirrorVolumeId }) => this.#mirror(mirrorVolumeId));
    const newer = Math.max(0, ...prepared.map(({ grant }) => grant?.sequence ?? 0));
    if (newer > sequence) throw stale(newer);
    if (known === undefined) for (const mirror of prepared) grant(mirror, { groupId, sequence, sender });
    // Gateways of before prepare every third LUN; what is staged they leave alone.
    if (task.staged === undefined && task.index % 3 === 2 && task.object.kind === "lun")
      return { kind: "prepare", volumes };
    const name = nameOf(task.groupId, task);
    const kept = this.#store.prepared.get(name) ?? { sequence: task.sequence, objects: new Map() };
    kept.objects.set(task.index, task.object);
    this.#store.prepared.set(name, kept);
    const warnings = unconnected(task);
    return { kind: "prepare", volumes, keepsConfig: true, ...(warnings.length > 0 && { warnings }) };
  }

  /** @returns the epoch that the writer carries from now on */
  open(options: Grant & { readonly mirrorVolumeId: string; readonly baseGroupId: GroupId | null }): number {
    const { mirrorVolumeId, baseGroupId, ...wanted } = options;
    const { groupId, sequence } = wanted;
    const mirror = this.#mirror(mirrorVolumeId);
    if (this.groups.has(groupId)) throw exists();
    if (this.#store.aborted.has(groupId)) throw new VisibleError("GROUP_ABORTED", "It was aborted.");
    const isSameRun = mirror.groupId === groupId && mirror.sequence === sequence;
    const newest = Math.max(mirror.publishedSequence, isSameRun ? 0 : mirror.sequence);
    if (sequence <= newest) throw stale(newest);
    if (!isDeepStrictEqual(mirror.grant, wanted)) throw new VisibleError("NOT_GRANTED", "Nobody told of it.");
    const base = baseGroupId === null ? undefined : (this.groups.get(baseGroupId) ?? this.#seeds.get(baseGroupId));
    if (baseGroupId !== null && base === undefined) throw new VisibleError("BASE_MISSING", "The base is gone.");
    if (base !== undefined && !base.contents.has(volumeOf(mirrorVolumeId))) {
      this.baseMisses += 1;
      throw new VisibleError("BASE_MISSING", "The base does not have the volume.");
    }
    mirror.epoch += 1;
    if (isSameRun && mirror.baseGroupId === baseGroupId) return mirror.epoch;
    const content = base?.contents.get(volumeOf(mirrorVolumeId)) ?? 0;
    Object.assign(mirror, { groupId, baseGroupId, sequence, complete: false, content });
    return mirror.epoch;
  }

  /** @param content what differs from the base; undefined: nothing does */
  write(mirrorVolumeId: string, epoch: number, content: number | undefined): void {
    const mirror = this.#mirror(mirrorVolumeId);
    if (mirror.epoch !== epoch) throw new VisibleError("FENCED", "Somebody newer writes.");
    Object.assign(mirror, { complete: true }, content === undefined ? {} : { content });
  }

  publish(task: PublishTask, now: Instant): TaskResultOf<"publish"> {
    const { groupId, sequence, manifest } = task;
    const known = this.groups.get(groupId);
    if (known !== undefined && (known.sequence !== sequence || known.takenAt !== manifest.takenAt)) throw exists();
    if (known === undefined) this.#publish(task);
    return { kind: "publish", publishedAt: now, sizeBytes: 1 };
  }

  #publish({ groupId, sequence, manifest, mirrors, planId }: PublishTask): void {
    if (this.#store.aborted.has(groupId)) throw new VisibleError("GROUP_ABORTED", "It was aborted.");
    if (sequence <= this.newestPublished()) throw stale(this.newestPublished());
    const written = [...this.#store.mirrors].filter(([, of]) => of.groupId === groupId && of.sequence === sequence);
    const meant = Array.isArray(mirrors)
      ? mirrorSetOf(mirrors.flatMap(({ volumes }) => volumes.map(({ mirrorVolumeId }) => mirrorVolumeId)))
      : mirrors;
    const isThere = isSameMirrorSet(mirrorSetOf(written.map(([id]) => id)), meant);
    if (!isThere || written.some(([, { complete }]) => !complete)) throw incomplete();
    const prepared = this.#store.prepared.get(nameOf(groupId, { sequence }));
    const contents = new Map(written.map(([id, { content }]) => [volumeOf(id), content]));
    const objects = manifest.objects.map((told, index): readonly [string, ObjectConfig] => {
      const object = told ?? prepared?.objects.get(index);
      // The manifest has each of the group's objects, and these have all of their volumes.
      if (object === undefined || object.volumes.some(({ id }) => !contents.has(id))) throw incomplete();
      return [objectKey(object), object];
    });
    for (const [, mirror] of written) mirror.publishedSequence = sequence;
    this.#endGrants((grant) => grant.sequence <= sequence);
    for (const [name, kept] of this.#store.prepared) {
      if (kept.sequence <= sequence) this.#store.prepared.delete(name);
    }
    const kept = { objects: new Set(objects.map(([key]) => key)), manifest: new Map(objects) };
    this.#make(groupId, { owner: planId, sequence, takenAt: manifest.takenAt, contents, ...kept });
  }

  reclaim(task: ReclaimTask): TaskResultOf<"reclaim"> {
    const isAsChosen = (task.keeps ?? []).every((groupId) => this.groups.has(groupId));
    const deleted = isAsChosen ? task.groupIds : [];
    for (const groupId of deleted) {
      const group = this.groups.get(groupId);
      if (group === undefined) continue;
      assert.equal(group.owner, task.planId, "I5: a group of somebody else was to be deleted");
      if (this.#store.mirrors.size > 0) {
        const newest = Math.max(...[...this.groups.values()].map(({ sequence }) => sequence));
        assert.notEqual(group.sequence, newest, "I3: the newest good group was to be deleted");
        assert(this.groups.size > this.#keepLast, "a group was to be deleted that is one of the last");
      }
      this.#store.groups.delete(groupId);
      count(this.#store.deleted, nameOf(groupId, group));
    }
    const groups = [...this.groups].map(([groupId, { sequence, takenAt, contents }]) => {
      return { groupId, sequence, takenAt, volumeCount: contents.size, sizeBytes: 1 };
    });
    return { kind: "reclaim", deleted: [...deleted], present: [], groups };
  }

  rebuild(task: RebuildTask): TaskResultOf<"rebuild"> {
    const key = `${task.runId}/${task.index}`;
    const group = this.of(task.fromPlanId ?? task.planId).groups.get(task.fromGroupId);
    const wanted = objectKey(task.object);
    const object = group?.manifest?.get(wanted) ?? group?.told?.objects.find((one) => objectKey(one) === wanted);
    if (object === undefined) throw new VisibleError("SNAPSHOT_UNKNOWN", "The group is gone.");
    this.#store.rebuilt.add(key);
    return { kind: "rebuild", object: { ...object, id: `rebuilt-${object.id}`, name: task.name } };
  }

  abort(groupId: GroupId): void {
    this.#store.aborted.add(groupId);
    for (const mirror of this.#store.mirrors.values()) if (mirror.groupId === groupId) mirror.epoch += 1;
    this.#endGrants((grant) => grant.groupId === groupId);
  }

  #endGrants(which: (grant: Grant) => boolean): void {
    for (const mirror of this.#store.mirrors.values()) {
      if (mirror.grant !== undefined && which(mirror.grant)) mirror.grant = undefined;
    }
  }

  newestPublished(): number {
    return Math.max(0, ...[...this.#store.mirrors.values()].map((mirror) => mirror.publishedSequence));
  }

  #make(groupId: GroupId, group: ModelGroup): void {
    this.#store.groups.set(groupId, group);
    count(this.#store.made, nameOf(groupId, group));
  }

  #mirror(mirrorVolumeId: string): ModelMirror {
    const mirror = this.#store.mirrors.get(mirrorVolumeId);
    // The store was put back to a time before it was made.
    if (mirror === undefined) throw new VisibleError("VOLUME_UNKNOWN", "There is no such mirror.");
    return mirror;
  }
}

/** NICs whose switch nothing takes the place of. A VM is told which there are. */
const unconnected = ({ object, mapping }: PrepareTask): Reason[] => {
  if (object.kind !== "vm") return [];
  const used = object.vm.nics.flatMap(({ virtualSwitch }) => virtualSwitch ?? []);
  assert(mapping !== undefined || used.length === 0, "a VM is prepared without a mapping");
  const unmapped = used.filter((name) => mapping?.switches[name] === undefined);
  return unmapped.map((name) => ({
    code: "SWITCH_UNMAPPED",
    message: `“${object.name}” is not connected to “${name}”.`,
  }));
};

/** Whoever writes by another grant is fenced off. */
const grant = (mirror: ModelMirror, granted: Grant): void => {
  if (isDeepStrictEqual(mirror.grant, granted)) return;
  Object.assign(mirror, { grant: granted, epoch: mirror.epoch + 1 });
};

const count = (counts: Map<string, number>, what: string): void => {
  counts.set(what, (counts.get(what) ?? 0) + 1);
};
const exists = () => new VisibleError("GROUP_EXISTS", "The group of this slot is there already.");
const incomplete = () => new VisibleError("GROUP_INCOMPLETE", "Not all is there.");
const stale = (newestSequence: number) =>
  new VisibleError("GROUP_STALE", "A newer group is there.", { newestSequence });
