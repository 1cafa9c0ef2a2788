import { VisibleError } from "../core/api/errors.ts";
import type { ObjectConfig } from "../core/api/object.ts";
import { isSameName } from "../core/object/name.ts";
import type { StorageDriver } from "../gateway/storage/driver.ts";

/**
 * The id of the one volume that is meant by an id, of it or of its object, or by its object's name. A mirror and its
 * source may have the same name on one site: then the name means the one that is no mirror.
 * @throws VisibleError VOLUME_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const findVolume = async (
  storage: Pick<StorageDriver, "inventory">,
  site: string,
  nameOrId: string,
): Promise<string> => {
  const objects = await storage.inventory();
  const byId = objects.filter(({ id, volumes }) => id === nameOrId || volumes.some((volume) => volume.id === nameOrId));
  const byName = objects.filter(({ name }) => isSameName(name, nameOrId));
  const ordinary = byName.filter(({ origin }) => origin?.role !== "mirror");
  const found = [byId, ordinary, byName].find((candidates) => candidates.length > 0) ?? [];
  const ids = found.flatMap((object) => volumesMeant(object, nameOrId));
  const [only, ...others] = ids;
  if (only === undefined) {
    throw new VisibleError("VOLUME_UNKNOWN", `Site “${site}” has no volume “${nameOrId}”.`, {
      hint: `List them with: smtx-backup volume list --site ${site}`,
    });
  }
  if (others.length > 0) {
    throw new VisibleError("OBJECT_AMBIGUOUS", `Site “${site}” has ${ids.length} volumes “${nameOrId}”.`, {
      hint: `Name one by its id: ${ids.join(", ")}`,
    });
  }
  return only;
};

const volumesMeant = ({ volumes }: ObjectConfig, nameOrId: string): readonly string[] => {
  const ids = volumes.map(({ id }) => id);
  return ids.includes(nameOrId) ? [nameOrId] : ids;
};
