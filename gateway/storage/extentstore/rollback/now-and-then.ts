import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectId, Owner } from "../../control.ts";
import { findOwn, kindNames, type OwnRow } from "../administration/find.ts";
import { findObjects } from "../cluster/objects.ts";
import { keptObjects, refuseOthersGroup, type SnapshotRow, snapshotOfSource } from "../cluster/snapshots.ts";
import { homeOf } from "../cluster/stand-ins.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import type { Database } from "../database/database.ts";

/*
 * Objects as they are, and as a group has them. Everything here runs inside the caller's
 * transaction.
 */

/** An object as a group of this site has it, with the ids that it and its volumes have here. */
export interface Then {
  readonly object: ObjectConfig;
  /** By the ids of its volumes. */
  readonly snapshots: ReadonlyMap<string, SnapshotRow>;
  /** The id that the group has it by, where it stands for another object. */
  readonly homeId?: string;
}

/** @returns finds objects in a group; nothing of a group that is not here. @throws NOT_OURS */
export const finderIn = (
  database: Database,
  { groupId, owner }: { readonly groupId: GroupId; readonly owner: Owner },
): ((id: ObjectId) => Then | undefined) => {
  refuseOthersGroup(database, groupId, owner);
  const kept = keptObjects(database, groupId);
  const called = (id: ObjectId) => kept.find((one) => one.kind === id.kind && one.id === id.id);
  return (id) => {
    // Groups of before kept no objects: it has the volumes that it has now.
    const own = kept.length > 0 ? called(id) : findObjects(database, [id]).at(0);
    if (own !== undefined) return thenOf(database, groupId, own);
    const home = homeOf(database, id);
    const original = home && called(home);
    const then = original && thenOf(database, groupId, original);
    return then && standing(then, { id: id.id, volumes: home.volumes });
  };
};

const thenOf = (database: Database, groupId: GroupId, object: ObjectConfig): Then | undefined => {
  const snapshots = object.volumes.flatMap((volume) => {
    const snapshot = snapshotOfSource(database, groupId, volume.id);
    return snapshot === undefined ? [] : [[volume.id, snapshot] as const];
  });
  return snapshots.length < object.volumes.length ? undefined : { object, snapshots: new Map(snapshots) };
};

/** The same under the ids of what stands for it. */
const standing = (
  { object, snapshots }: Then,
  by: { readonly id: string; readonly volumes: ReadonlyMap<string, string> },
): Then => {
  const here = (volumeId: string) => by.volumes.get(volumeId) ?? volumeId;
  const volumes = object.volumes.map((volume) => ({ ...volume, id: here(volume.id) }));
  const config =
    object.kind === "vm"
      ? {
          ...object,
          vm: { ...object.vm, disks: object.vm.disks.map((disk) => ({ ...disk, volumeId: here(disk.volumeId) })) },
        }
      : object;
  return {
    object: { ...config, id: by.id, volumes },
    snapshots: new Map([...snapshots].map(([volumeId, snapshot]) => [here(volumeId), snapshot])),
    homeId: object.id,
  };
};

/** The object's rows, where it is there. @throws OBJECT_IS_MIRROR */
export const findNow = (database: Database, id: ObjectId): OwnRow | undefined => {
  try {
    return findOwn(database, id);
  } catch (error) {
    if (VisibleError.is(error, "VOLUME_UNKNOWN")) return undefined;
    throw error;
  }
};

export const findLive = (database: Database, volumeId: string): VolumeRow | undefined =>
  database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ?", volumeId);

/** Of the volumes that a group has of an object, those that are there. */
export const liveOf = (database: Database, then: Then | undefined): readonly VolumeRow[] =>
  [...(then?.snapshots.keys() ?? [])].flatMap((volumeId) => findLive(database, volumeId) ?? []);

export const nameOf = (own: OwnRow): string => (own.kind === "vm" ? own.vm.name : own.volume.name);
export const idOf = (own: OwnRow): string => (own.kind === "vm" ? own.vm.id : own.volume.id);
/** `VM “web”` */
export const calledAs = (own: OwnRow): string => `${kindNames[own.kind]} “${nameOf(own)}”`;
