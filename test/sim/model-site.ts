import assert from "node:assert/strict";
import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, Instant, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type {
  PrepareTask,
  PublishTask,
  RebuildTask,
  ReclaimTask,
  SnapshotTask,
  TaskResultOf,
} from "../../core/api/task.ts";
import { plainGeometry } from "../../core/extent/geometry.ts";

interface ModelGroup {
  readonly owner: string;
  readonly sequence: number;
  readonly takenAt: Instant;
  /** Volume id (on a target: the source's) → content. */
  readonly contents: ReadonlyMap<string, number>;
}

interface ModelMirror {
  epoch: number;
  groupId: GroupId | undefined;
  sequence: number;
  complete: boolean;
  content: number;
}

const config = (id: string): ObjectConfig => ({
  kind: "lun",
  id,
  name: id,
  volumes: [{ id, sizeBytes: 1 << 30, geometry: plainGeometry }],
  virtualSwitches: [],
});

/**
 * What a site's cluster promises, as a model: a volume's content is one number, and every promise of the storage port
 * that the control plane relies on is kept or refused as the port says.
 */
export class ModelSite {
  readonly volumes = new Map<string, number>();
  readonly groups = new Map<GroupId, ModelGroup>();
  readonly mirrors = new Map<string, ModelMirror>();
  readonly aborted = new Set<GroupId>();
  readonly rebuilt = new Map<string, number>();
  /** How often each group was really made, and really deleted. */
  readonly made = new Map<GroupId, number>();
  readonly deleted = new Map<GroupId, number>();
  readonly id: SiteId;

  constructor(id: SiteId) {
    this.id = id;
  }

  snapshot(task: SnapshotTask, now: Instant): TaskResultOf<"snapshot"> {
    const group = this.groups.get(task.groupId) ?? {
      owner: task.planId,
      sequence: task.sequence,
      takenAt: now,
      contents: new Map(task.objects.map(({ id }) => [id, this.volumes.get(id) ?? 0])),
    };
    if (!this.groups.has(task.groupId)) this.#make(task.groupId, group);
    const objects = task.objects.map(({ id }) => ({ config: config(id), snapshotIds: [`${task.groupId}/${id}`] }));
    return { kind: "snapshot", takenAt: group.takenAt, objects };
  }

  prepare(task: PrepareTask): TaskResultOf<"prepare"> {
    const mirrorVolumeId = `mirror-${task.object.id}`;
    const fresh = { epoch: 0, groupId: undefined, sequence: 0, complete: false, content: 0 };
    if (!this.mirrors.has(mirrorVolumeId)) this.mirrors.set(mirrorVolumeId, fresh);
    return { kind: "prepare", volumes: [{ sourceVolumeId: task.object.id, mirrorVolumeId }] };
  }

  /** @returns the epoch that the writer carries from now on */
  open(options: { mirrorVolumeId: string; groupId: GroupId; sequence: number; baseGroupId: GroupId | null }): number {
    const mirror = this.#mirror(options.mirrorVolumeId);
    if (this.aborted.has(options.groupId)) throw new VisibleError("GROUP_ABORTED", "It was aborted.");
    const isOlder = mirror.groupId !== options.groupId && options.sequence < mirror.sequence;
    if (isOlder || this.newestSequence() >= options.sequence)
      throw new VisibleError("GROUP_STALE", "A newer group is there.");
    if (options.baseGroupId !== null && !this.groups.has(options.baseGroupId)) {
      throw new VisibleError("BASE_MISSING", "The base is gone.");
    }
    mirror.epoch += 1;
    if (mirror.groupId !== options.groupId) Object.assign(mirror, { ...options, complete: false });
    return mirror.epoch;
  }

  write(mirrorVolumeId: string, epoch: number, content: number): void {
    const mirror = this.#mirror(mirrorVolumeId);
    if (mirror.epoch !== epoch) throw new VisibleError("FENCED", "Somebody newer writes.");
    Object.assign(mirror, { content, complete: true });
  }

  publish(task: PublishTask, now: Instant): TaskResultOf<"publish"> {
    if (this.aborted.has(task.groupId)) throw new VisibleError("GROUP_ABORTED", "It was aborted.");
    if (!this.groups.has(task.groupId)) {
      const contents = new Map<string, number>();
      for (const { sourceVolumeId, mirrorVolumeId } of task.mirrors.flatMap(({ volumes }) => volumes)) {
        const mirror = this.#mirror(mirrorVolumeId);
        if (mirror.groupId !== task.groupId || !mirror.complete)
          throw new VisibleError("GROUP_INCOMPLETE", "Not all is there.");
        contents.set(sourceVolumeId, mirror.content);
      }
      this.#make(task.groupId, { owner: task.planId, sequence: task.sequence, takenAt: now, contents });
    }
    return { kind: "publish", publishedAt: now, sizeBytes: 1 };
  }

  reclaim(task: ReclaimTask): TaskResultOf<"reclaim"> {
    for (const groupId of task.groupIds) {
      const group = this.groups.get(groupId);
      if (group === undefined) continue;
      assert.equal(group.owner, task.planId, "I5: a group of somebody else was to be deleted");
      if (this.mirrors.size > 0) {
        assert.notEqual(group.sequence, this.newestSequence(), "I3: the newest good group was to be deleted");
      }
      this.groups.delete(groupId);
      this.deleted.set(groupId, (this.deleted.get(groupId) ?? 0) + 1);
    }
    return { kind: "reclaim", deleted: [...task.groupIds], present: [...this.groups.keys()] };
  }

  rebuild(task: RebuildTask): TaskResultOf<"rebuild"> {
    const key = `${task.runId}/${task.index}`;
    const content = this.rebuilt.get(key) ?? this.groups.get(task.fromGroupId)?.contents.get(task.object.id);
    if (content === undefined) throw new VisibleError("SNAPSHOT_UNKNOWN", "The group is gone.");
    this.rebuilt.set(key, content);
    return { kind: "rebuild", object: { ...config(`rebuilt-${task.object.id}`), name: task.name } };
  }

  abort(groupId: GroupId): void {
    this.aborted.add(groupId);
    for (const mirror of this.mirrors.values()) if (mirror.groupId === groupId) mirror.epoch += 1;
  }

  newestSequence(): number {
    return Math.max(0, ...[...this.groups.values()].map((group) => group.sequence));
  }

  #make(groupId: GroupId, group: ModelGroup): void {
    this.groups.set(groupId, group);
    this.made.set(groupId, (this.made.get(groupId) ?? 0) + 1);
  }

  #mirror(mirrorVolumeId: string): ModelMirror {
    const mirror = this.mirrors.get(mirrorVolumeId);
    assert(mirror, "a mirror was used before it was prepared");
    return mirror;
  }
}
