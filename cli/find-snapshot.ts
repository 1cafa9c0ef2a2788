import { VisibleError } from "../core/api/errors.ts";
import type { GroupId } from "../core/api/ids.ts";
import { isSameName } from "../core/object/name.ts";
import type { StorageDriver } from "../gateway/storage/driver.ts";

/**
 * The id of a volume's snapshot in a group. The volume is meant by an id, of it or of its object,
 * or by its object's name; on a target site these are the mirror's.
 * @throws VisibleError GROUP_UNKNOWN, VOLUME_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const findSnapshot = async (
  storage: Pick<StorageDriver, "inventory" | "findGroup">,
  options: { readonly site: string; readonly groupId: GroupId; readonly nameOrId: string },
): Promise<string> => {
  const { site, groupId, nameOrId } = options;
  const group = await storage.findGroup(groupId);
  if (group === undefined) {
    throw new VisibleError("GROUP_UNKNOWN", `Site “${site}” has no group ${groupId}.`, {
      hint: `List them with: smtx-backup group list --plan PLAN --site ${site}`,
    });
  }
  const objects = await storage.inventory();
  const meant = objects.filter(({ id, name }) => id === nameOrId || isSameName(name, nameOrId));
  const volumeIds = new Set([nameOrId, ...meant.flatMap(({ volumes }) => volumes.map(({ id }) => id))]);
  const [only, ...others] = group.snapshots.filter(({ volumeId }) => volumeIds.has(volumeId));
  if (only === undefined) {
    throw new VisibleError("VOLUME_UNKNOWN", `The group ${groupId} on site “${site}” has no volume “${nameOrId}”.`, {
      hint: `List the site's volumes with: smtx-backup volume list --site ${site}`,
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
