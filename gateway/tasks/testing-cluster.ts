import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, groupIdOf, runIdOf } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { recordingLog } from "../agent/testing.ts";
import type { ObjectId, SnapshotGroup, SnapshotGroupOptions } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { TaskContext } from "./context.ts";
import { objectKey } from "./entries.ts";
import { servesNothing } from "./serves-nothing.ts";
import { identity, instant, planId, runTaskFields } from "./testing.ts";

/** The group of the plan's n-th run. */
export const groupOfRun = (sequence: number): GroupId =>
  groupIdOf(runIdOf(planId, instant(new Date(Date.UTC(2026, 0, sequence)).toISOString())));

/** A cluster of any objects, as far as snapshots are concerned, and what it was asked. */
export const fakeCluster = (objects: readonly ObjectConfig[]) => {
  const groups = new Map<GroupId, SnapshotGroup>();
  const byNumber = () => [...groups.values()].sort((a, b) => (b.sequence ?? 0) - (a.sequence ?? 0));
  const world = {
    objects,
    calls: [] as string[],
    groups,
    /** Called before a group is taken. */
    beforeSnapshot: (): void => undefined,
  };
  const called = (name: string) => void world.calls.push(name);
  const driver: Pick<
    StorageDriver,
    "inventory" | "findObjects" | "findGroup" | "newestSourceGroup" | "lastSequences" | "snapshotGroup"
  > = {
    async inventory() {
      called("inventory");
      return world.objects;
    },
    async findObjects(ids) {
      called("findObjects");
      const wanted = new Set(ids.map(objectKey));
      return world.objects.filter((object) => wanted.has(objectKey(object)));
    },
    findGroup: async (groupId) => groups.get(groupId),
    newestSourceGroup: async () => byNumber()[0],
    lastSequences: async ({ objects: asked }) =>
      asked.flatMap((object: ObjectId) => {
        const group = byNumber().find((each) => each.objects?.some((other) => objectKey(other) === objectKey(object)));
        return group?.sequence ? [{ ...object, sequence: group.sequence }] : [];
      }),
    async snapshotGroup(options) {
      called("snapshotGroup");
      world.beforeSnapshot();
      const known = groups.get(options.groupId);
      if (known !== undefined) return known;
      const there = new Set(world.objects.flatMap(({ volumes }) => volumes.map(({ id }) => id)));
      const lost = options.volumeIds.find((id) => !there.has(id));
      if (lost !== undefined) throw new VisibleError("VOLUME_UNKNOWN", `There is no volume ${lost}.`);
      const group = groupOf(options);
      groups.set(options.groupId, group);
      return group;
    },
  };
  const context: TaskContext = {
    ...servesNothing,
    storage: driver as StorageDriver,
    send: () => Promise.reject(new Error("nothing is sent here")),
    identity,
    now: () => runTaskFields.issuedAt,
    log: recordingLog(),
    signal: new AbortController().signal,
    onMoved: () => undefined,
    onProgress: () => undefined,
    onAcknowledged: () => undefined,
  };
  return { world, context };
};

const groupOf = ({ volumeIds, standsFor = [], ...options }: SnapshotGroupOptions): SnapshotGroup =>
  structuredClone({
    ...options,
    sequence: options.sequence ?? null,
    objects: options.objects ?? null,
    takenAt: runTaskFields.issuedAt,
    snapshots: volumeIds.map((volumeId) => ({
      volumeId,
      sourceVolumeId: standsFor.find((one) => one.volumeId === volumeId)?.homeId ?? volumeId,
      snapshotId: `snapshot of ${volumeId}`,
      sizeBytes: 1,
    })),
  });
