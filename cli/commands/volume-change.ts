import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { shownName } from "../../core/object/name.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { Answer, Context } from "../context.ts";
import { findVolume } from "../find-volume.ts";
import { tellInventory } from "../inventory.ts";
import { bytesText } from "../render/units.ts";

interface ChangeOptions {
  readonly site: string;
  readonly store?: string;
}

interface Meant {
  readonly volumeId: string;
  readonly object: ObjectConfig;
}

/** `volume rename`: plans know a volume by its id, so they go on. */
export const renameVolume = async (
  context: Context,
  volume: string,
  name: string,
  { site, store }: ChangeOptions,
): Promise<Answer> => {
  const renamed = await withStorage(context, site, store, async (storage) => {
    const { volumeId, object } = await meant(storage, site, volume);
    return { before: object.name, volumeId, object: await storage.renameVolume(volumeId, name) };
  });
  const { volumeId, object, before } = renamed;
  const isKnown = await tellInventory(context, site, ({ objects }) =>
    objects.some((seen) => seen.id === object.id && seen.name === object.name),
  );
  return {
    json: { volumeId, id: object.id, name: object.name, before, site, inventoryRefreshed: isKnown },
    text: `“${shownName(before)}” (${volumeId}) on site ${site} is called “${object.name}” now.`,
  };
};

/** `volume delete`: asks first, unless told not to. What was snapshotted of it stays. */
export const deleteVolume = async (
  context: Context,
  volume: string,
  { site, store, yes }: ChangeOptions & { readonly yes: boolean },
): Promise<Answer> => {
  const deleted = await withStorage(context, site, store, async (storage) => {
    const found = await meant(storage, site, volume);
    if (!yes) await confirm(context, found, site);
    await storage.deleteVolume(found.volumeId);
    return found;
  });
  const { volumeId, object } = deleted;
  const isKnown = await tellInventory(
    context,
    site,
    ({ objects, unusable = [] }) => ![...objects, ...unusable].some(({ id }) => id === object.id),
  );
  return {
    json: { volumeId, id: object.id, name: object.name, site, inventoryRefreshed: isKnown },
    text: `“${shownName(object.name)}” (${volumeId}) on site ${site} is deleted. Its restore points stay.`,
  };
};

const withStorage = async <T>(
  context: Context,
  site: string,
  store: string | undefined,
  use: (storage: StorageDriver) => Promise<T>,
): Promise<T> => {
  const storage = await context.openStorage(site, store);
  return use(storage).finally(() => storage.close());
};

/** @throws VisibleError VOLUME_UNKNOWN, OBJECT_AMBIGUOUS, VOLUME_IS_MIRROR */
const meant = async (storage: StorageDriver, site: string, nameOrId: string): Promise<Meant> => {
  const volumeId = await findVolume(storage, site, nameOrId);
  const object = (await storage.inventory()).find(({ volumes }) => volumes.some(({ id }) => id === volumeId));
  if (object === undefined)
    throw new VisibleError("VOLUME_UNKNOWN", `Site “${site}” has no volume ${volumeId} any more.`);
  if (object.origin?.role !== "mirror") return { volumeId, object };
  throw new VisibleError(
    "VOLUME_IS_MIRROR",
    `“${shownName(object.name)}” (${volumeId}) is the mirror of a protected object.`,
    {
      hint: "It goes with the restore points of its plan. To use what is in it, rebuild one of them.",
    },
  );
};

const confirm = async ({ host }: Context, { volumeId, object }: Meant, site: string): Promise<void> => {
  const sizeBytes = object.volumes.reduce((sum, volume) => sum + volume.sizeBytes, 0);
  const what = `the ${object.kind} “${shownName(object.name)}” (${volumeId}, ${bytesText(sizeBytes)}) of site ${site}`;
  const answer = await host.ask(`Delete ${what} for good? Its restore points stay. [y/N] `);
  if (answer !== undefined && /^y(es)?$/i.test(answer.trim())) return;
  throw answer === undefined
    ? new VisibleError("BAD_REQUEST", `Nobody is there to be asked whether ${what} is to be deleted.`, {
        hint: "Say so with --yes.",
      })
    : new VisibleError("BAD_REQUEST", "Nothing was deleted.", { hint: "Answer y, or give --yes." });
};
