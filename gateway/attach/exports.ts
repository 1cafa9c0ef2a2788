import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { AttachTask } from "../../core/api/task.ts";
import type { SnapshotGroup } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { SharedReader } from "./shared-reader.ts";
import { SnapshotExport } from "./snapshot-export.ts";
import type { ReadingThreads } from "./threads/reading-threads.ts";

/** A disk of what is attached, which must be closed. */
export interface OpenExport {
  readonly disk: number;
  readonly served: SnapshotExport;
  close(): Promise<void>;
}

/**
 * Opens the snapshots of an object's disks in a group, or of one of them. What the object is, the
 * site's own store says.
 * @throws SNAPSHOT_UNKNOWN, VOLUME_UNKNOWN, and what the storage throws
 */
export const openExports = async (
  { storage, readers }: { readonly storage: StorageDriver; readonly readers: Pick<ReadingThreads, "open"> },
  task: AttachTask,
  onRead: (bytes: number) => void,
): Promise<readonly OpenExport[]> => {
  const { object, group } = await objectIn(storage, task);
  const disks = disksOf(object).filter(({ disk }) => task.disk === undefined || task.disk === disk);
  if (disks.length === 0) throw noSuchDisk(object, task);
  const opened: OpenExport[] = [];
  try {
    for (const { disk, volumeId } of disks) {
      const name = disks.length === 1 ? object.name : `${object.name}/${disk}`;
      const description = `disk ${disk} of ${shownName(object.name)}, as it was at ${group.takenAt}`;
      const snapshotId = snapshotOf(group, volumeId, task);
      const reader = await SharedReader.open(() => readers.open(storage, snapshotId));
      opened.push({
        disk,
        served: new SnapshotExport(reader, { name, description, onRead }),
        close: () => reader.close(),
      });
    }
    return opened;
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
};

export const closeAll = async (opened: readonly OpenExport[]): Promise<void> => {
  await Promise.allSettled(opened.map((one) => one.close()));
};

const objectIn = async (
  storage: StorageDriver,
  { fromGroupId, object: wanted }: AttachTask,
): Promise<{ readonly object: ObjectConfig; readonly group: SnapshotGroup }> => {
  const [group, object] = await Promise.all([
    storage.findGroup(fromGroupId),
    storage.objectOfGroup({ groupId: fromGroupId, object: wanted }),
  ]);
  if (object !== undefined && group !== undefined) return { object, group };
  throw new VisibleError("SNAPSHOT_UNKNOWN", `Group ${fromGroupId} has no ${wanted.kind} ${wanted.id} here.`, {
    hint: "The group may have been reclaimed; choose another one.",
  });
};

/** As `--disk` counts them: a VM's by their places, others' from 0. */
const disksOf = (object: ObjectConfig): readonly { readonly disk: number; readonly volumeId: string }[] =>
  object.kind === "vm"
    ? object.vm.disks
        .toSorted((one, other) => one.index - other.index)
        .map(({ index, volumeId }) => ({ disk: index, volumeId }))
    : object.volumes.map(({ id }, disk) => ({ disk, volumeId: id }));

const noSuchDisk = (object: ObjectConfig, { disk, fromGroupId }: AttachTask) =>
  new VisibleError(
    "VOLUME_UNKNOWN",
    `“${shownName(object.name)}” has ${disk === undefined ? "no disk of its own" : `no disk ${disk}`} in the group ${fromGroupId}.`,
    { hint: `See what it has with: smtx-backup group show ${fromGroupId}` },
  );

const snapshotOf = (group: SnapshotGroup, volumeId: string, { fromGroupId }: AttachTask): string => {
  const found = group.snapshots.find(({ sourceVolumeId }) => sourceVolumeId === volumeId);
  if (found !== undefined) return found.snapshotId;
  throw new VisibleError("SNAPSHOT_UNKNOWN", `Group ${fromGroupId} has no snapshot of the volume ${volumeId}.`, {
    hint: "The group may have been reclaimed; choose another one.",
  });
};
