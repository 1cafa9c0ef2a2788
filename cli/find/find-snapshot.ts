import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId } from "../../core/api/ids.ts";
import { isSameName, shownName } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { SnapshotGroup } from "../../gateway/storage/control.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { kindNames } from "../render/kind-names.ts";
import { volumeOf } from "./find-disk.ts";
import { findObject } from "./find-object.ts";

type Storage = Pick<StorageDriver, "inventory" | "findGroup" | "manifests">;

/**
 * The id of a volume's snapshot in a group. The volume is meant by an id, of it or of its object,
 * or by its object's name, as the site has it now or as `group show` has it: as its source had it
 * when the group was taken.
 * @throws VisibleError GROUP_UNKNOWN, VOLUME_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const findSnapshot = async (
  storage: Storage,
  options: { readonly site: string; readonly groupId: GroupId; readonly nameOrId: string },
): Promise<string> => {
  const { site, groupId, nameOrId } = options;
  const group = await groupOf(storage, site, groupId);
  const objects = (await storage.inventory()).filter(({ kind }) => kind !== "vm");
  const volumeIds = volumesMeant(objects, nameOrId);
  const now = group.snapshots.filter(({ volumeId }) => volumeIds.has(volumeId));
  const sourceIds = volumesMeant(await objectsThen(storage, group), nameOrId);
  const then = group.snapshots.filter(({ sourceVolumeId }) => sourceIds.has(sourceVolumeId));
  const [only, ...others] = now.length > 0 ? now : then;
  if (only === undefined) {
    throw new VisibleError("VOLUME_UNKNOWN", `The group ${groupId} on site “${site}” has no volume “${nameOrId}”.`, {
      hint: `Name its object as it was then with --object, and of a VM the disk with --disk. What the site has now: smtx-backup object list --site ${site}`,
    });
  }
  if (others.length > 0) {
    const idOf = new Map(objects.flatMap(({ id, volumes }) => (volumes.length === 1 ? [[volumes[0]?.id, id]] : [])));
    const ids = [only, ...others].map(({ volumeId }) => idOf.get(volumeId) ?? volumeId);
    throw new VisibleError("OBJECT_AMBIGUOUS", `The group ${groupId} has ${ids.length} volumes “${nameOrId}”.`, {
      hint: `Name one by its id: ${ids.join(", ")}`,
    });
  }
  return only.snapshotId;
};

/**
 * The id of the snapshot of an object's volume in a group. The object is meant as it was when the
 * group was taken, or as it is now; the disk is one that it had then.
 * @throws VisibleError GROUP_UNKNOWN, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, VOLUME_UNKNOWN
 */
export const findObjectSnapshot = async (
  storage: Storage,
  options: {
    readonly site: string;
    readonly groupId: GroupId;
    readonly nameOrId: string;
    readonly kind?: ObjectKind | undefined;
    readonly disk?: number | undefined;
  },
): Promise<string> => {
  const { site, groupId, nameOrId, kind, disk } = options;
  const group = await groupOf(storage, site, groupId);
  const then = await objectsThen(storage, group);
  const now = await storage.inventory();
  const wanted = { site, nameOrId, kind };
  const isKnownThen = then.some((object) => isMeant(object, nameOrId));
  const object = isKnownThen ? findObject(then, wanted) : asThen(findObject(now, wanted), then);
  const volumeId = volumeOf(object, disk);
  const found = group.snapshots.find((one) => one.sourceVolumeId === volumeId || one.volumeId === volumeId);
  if (found !== undefined) return found.snapshotId;
  throw new VisibleError(
    "VOLUME_UNKNOWN",
    `The group ${groupId} on site “${site}” does not have the ${kindNames[object.kind]} “${shownName(object.name)}”.`,
    { hint: `See what the groups have with: smtx-backup group show ${groupId} --site ${site}` },
  );
};

const volumesMeant = (objects: readonly ObjectConfig[], nameOrId: string): ReadonlySet<string> => {
  const meant = objects.filter((object) => object.kind !== "vm" && isMeant(object, nameOrId));
  return new Set([nameOrId, ...meant.flatMap(({ volumes }) => volumes.map(({ id }) => id))]);
};

const isMeant = ({ id, name }: ObjectConfig, nameOrId: string): boolean =>
  id === nameOrId || isSameName(name, nameOrId);

/** One that was renamed since. */
const asThen = (object: ObjectConfig, then: readonly ObjectConfig[]): ObjectConfig =>
  then.find(({ kind, id }) => kind === object.kind && id === object.id) ?? object;

/**
 * What the group was taken of, as its source had it: a source keeps that with the group, a
 * target in its manifest.
 */
const objectsThen = async (storage: Storage, group: SnapshotGroup): Promise<readonly ObjectConfig[]> => {
  if (group.objects !== null) return group.objects;
  const manifests = await storage.manifests();
  return manifests.find(({ groupId }) => groupId === group.groupId)?.manifest.objects ?? [];
};

const groupOf = async (storage: Storage, site: string, groupId: GroupId): Promise<SnapshotGroup> => {
  const group = await storage.findGroup(groupId);
  if (group !== undefined) return group;
  throw new VisibleError("GROUP_UNKNOWN", `Site “${site}” has no group ${groupId}.`, {
    hint: `List them with: smtx-backup group list --plan PLAN --site ${site}`,
  });
};
