import { VisibleError } from "../../core/api/errors.ts";
import { isSameName, shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { isMirror, volumeIsMirror } from "../render/mirrors.ts";

export interface FoundVolume {
  readonly volumeId: string;
  /** Whose volume it is. */
  readonly object: ObjectConfig;
}

/**
 * The one volume that is meant by an id, of it or of its object, or by its object's name. A mirror
 * and what was rebuilt of it may have the same name on one site, and what an older version made may
 * be called like another's id: then nobody guesses.
 * @param isForChange whether it is to be changed: mirrors never are, so a name that one other has
 *   means that one
 * @throws VisibleError VOLUME_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const findVolume = async (
  storage: Pick<StorageDriver, "inventory">,
  site: string,
  nameOrId: string,
  { isForChange = false } = {},
): Promise<FoundVolume> => {
  const all = await storage.inventory();
  // A VM's volumes are objects of their own, too.
  const objects = all.filter(({ kind }) => kind !== "vm");
  const byId = objects.filter((object) => hasId(object, nameOrId));
  const byName = objects.filter((object) => !byId.includes(object) && isSameName(object.name, nameOrId));
  const changeable = isForChange ? byName.filter((object) => !isMirror(object)) : [];
  const found = [...byId, ...(changeable.length > 0 ? changeable : byName)].flatMap((object) =>
    volumesMeant(object, nameOrId),
  );
  const [only, ...others] = found;
  if (only === undefined) throw unknown(all, site, nameOrId);
  if (others.length > 0) {
    const text = shownName(nameOrId);
    const message =
      byId.length > 0 && byName.length > 0
        ? `“${text}” is the id of one volume of site “${site}” and the name of another.`
        : `Site “${site}” has ${found.length} volumes “${text}”.`;
    throw new VisibleError("OBJECT_AMBIGUOUS", message, {
      hint: `Name one by its id: ${found.map((volume) => idText(volume, nameOrId)).join(", ")}`,
    });
  }
  return only;
};

const unknown = (objects: readonly ObjectConfig[], site: string, nameOrId: string): VisibleError => {
  const vm = objects.find(({ kind, id, name }) => kind === "vm" && (id === nameOrId || isSameName(name, nameOrId)));
  const name = shownName(nameOrId);
  return new VisibleError(
    "VOLUME_UNKNOWN",
    `Site “${site}” has no volume “${name}”${vm === undefined ? "" : ", but a VM of that name"}.`,
    {
      hint:
        vm === undefined
          ? `List them with: smtx-backup volume list --site ${site}`
          : `Give one of its disks with --object ${vm.id} --disk N. It has them here: smtx-backup object show ${vm.id} --site ${site}`,
    },
  );
};

/**
 * The one volume that is meant by an id or a name, to be changed: a mirror never is.
 * @throws VisibleError VOLUME_UNKNOWN, OBJECT_AMBIGUOUS, VOLUME_IS_MIRROR
 */
export const findChangeable = async (
  storage: Pick<StorageDriver, "inventory">,
  site: string,
  nameOrId: string,
): Promise<FoundVolume> => {
  const found = await findVolume(storage, site, nameOrId, { isForChange: true });
  const { object } = found;
  if (!isMirror(object)) return found;
  throw volumeIsMirror(object, site);
};

const hasId = ({ id, volumes }: ObjectConfig, text: string): boolean =>
  id === text || volumes.some((volume) => volume.id === text);

const volumesMeant = (object: ObjectConfig, nameOrId: string): readonly FoundVolume[] => {
  const all = object.volumes.map(({ id }) => ({ volumeId: id, object }));
  const [one] = all.filter(({ volumeId }) => volumeId === nameOrId);
  return one === undefined ? all : [one];
};

/**
 * An id that means this volume and no other: its object's, unless that has more volumes or is what
 * was given.
 */
const idText = ({ volumeId, object }: FoundVolume, given: string): string => {
  const id = object.volumes.length === 1 && object.id !== given ? object.id : volumeId;
  return isMirror(object) ? `${id} (a mirror from ${object.origin?.siteId})` : id;
};
