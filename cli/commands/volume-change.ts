import { shownName } from "../../core/api/name.ts";
import { isToBeDeleted, nothingDeleted } from "../context/confirm.ts";
import type { Answer, Context } from "../context/context.ts";
import { withStorage } from "../context/with-storage.ts";
import { tellInventory } from "../control-plane/inventory.ts";
import { type Protection, protectionOf, protectionText, stayText } from "../control-plane/protection.ts";
import { type FoundVolume, findChangeable } from "../find/find-volume.ts";
import { bytesText } from "../render/units.ts";

interface ChangeOptions {
  readonly site: string;
  readonly store?: string;
}

/** `volume rename`: plans know a volume by its id, so they go on. */
export const renameVolume = async (
  context: Context,
  volume: string,
  name: string,
  { site, store }: ChangeOptions,
): Promise<Answer> => {
  const renamed = await withStorage(context, site, store, async (storage) => {
    const { volumeId, object } = await findChangeable(storage, site, volume);
    return { before: object.name, object: await storage.renameVolume(volumeId, name) };
  });
  const { object, before } = renamed;
  const isKnown = await tellInventory(context, site, object.id, (seen) => seen?.name === object.name);
  return {
    json: { id: object.id, name: object.name, before, site, inventoryRefreshed: isKnown },
    text: `“${shownName(before)}” (${object.id}) on site ${site} is called “${object.name}” now.`,
  };
};

/** `volume delete`: asks first, unless told not to. What was snapshotted of it stays. */
export const deleteVolume = async (
  context: Context,
  volume: string,
  { site, store, yes }: ChangeOptions & { readonly yes: boolean },
): Promise<Answer> => {
  const deleted = await withStorage(context, site, store, async (storage) => {
    const found = await findChangeable(storage, site, volume);
    const protection = await protectionOf(context, site, found.object);
    if (!(await isWanted(context, site, { ...found, protection, yes }))) return undefined;
    await storage.deleteVolume(found.volumeId);
    return { ...found, protection };
  });
  if (deleted === undefined) return nothingDeleted;
  const { object, protection } = deleted;
  const isKnown = await tellInventory(context, site, object.id, (seen) => seen === undefined);
  const text = [`“${shownName(object.name)}” (${object.id}) on site ${site} is deleted.`, ...stayText(protection)];
  return {
    json: { id: object.id, name: object.name, site, inventoryRefreshed: isKnown },
    text: text.join(" "),
  };
};

const isWanted = async (
  context: Context,
  site: string,
  { object, protection, yes }: FoundVolume & { readonly protection: Protection; readonly yes: boolean },
): Promise<boolean> => {
  const plans = protectionText(protection);
  if (yes) {
    if (plans !== undefined) context.warn(plans);
    return true;
  }
  const sizeBytes = object.volumes.reduce((sum, volume) => sum + volume.sizeBytes, 0);
  const what = `the ${object.kind} “${shownName(object.name)}” (${object.id}, ${bytesText(sizeBytes)}) of site ${site}`;
  return isToBeDeleted(context.host, what, [...(plans === undefined ? [] : [plans]), ...stayText(protection)]);
};
