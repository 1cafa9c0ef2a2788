import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { ClusterAdministration, FacilityId } from "../../gateway/storage/administration.ts";
import { isToBeDeleted, nothingDeleted } from "../context/confirm.ts";
import type { Answer, Context } from "../context/context.ts";
import { administrationOf, withStorage } from "../context/with-storage.ts";
import { tellInventory } from "../control-plane/inventory.ts";
import { protectionOf, protectionText, stayText } from "../control-plane/protection.ts";
import { mapsOf } from "../control-plane/switch-maps.ts";
import { findChangeableObject, type WantedObject } from "../find/find-object.ts";
import { facilityKinds } from "../render/facility.ts";
import { kindNames } from "../render/kind-names.ts";
import { lossesText } from "../render/losses.ts";
import { bytesOf } from "../render/object.ts";
import { bytesText } from "../render/units.ts";
import { deleteRestored } from "./deletions/restored-delete.ts";
import type { ChangeOptions } from "./object-change.ts";

type FacilityKind = FacilityId["kind"];

export interface DeleteOptions extends Omit<ChangeOptions, "kind"> {
  readonly kind?: ObjectKind | FacilityKind;
  readonly yes: boolean;
}

interface ObjectDeleteOptions extends DeleteOptions {
  readonly site: SiteId;
  readonly restore?: RunId;
  readonly dryRun: boolean;
  readonly wait: boolean;
}

/** `object delete`: on this host, or, of what a restore has made, by its site itself. */
export const deleteObjectOrRestored = async (
  context: Context,
  name: string | undefined,
  { restore, dryRun, wait, ...options }: ObjectDeleteOptions,
): Promise<Answer> => {
  if (restore !== undefined) {
    return deleteRestored(context, name, { restore, ...options, dryRun, wait });
  }
  if (name === undefined) throw badUse("It needs the object's name or id", "Name it, or say --restore RUN.");
  if (dryRun || wait) throw badUse("--dry-run and --wait go with --restore", "Leave them out, or say --restore RUN.");
  return deleteObject(context, name, options);
};

const badUse = (what: string, hint: string) => new VisibleError("BAD_REQUEST", `${what}.`, { hint });

/** Asks first, unless told not to. What was snapshotted of it stays. */
export const deleteObject = async (context: Context, nameOrId: string, options: DeleteOptions): Promise<Answer> => {
  const { kind, ...others } = options;
  return kind === "pool" || kind === "switch" || kind === "nfs-export"
    ? deleteFacility(context, { kind, name: nameOrId }, others)
    : deleteOne(context, nameOrId, { ...others, kind });
};

/**
 * One that something of its site still uses is refused; a switch may take another's place,
 * or have one that does.
 */
const deleteFacility = async (
  context: Context,
  { kind, name }: FacilityId,
  { site, store, yes }: Omit<DeleteOptions, "kind">,
): Promise<Answer> => {
  const what = `the ${facilityKinds[kind]} “${shownName(name)}” of site ${site}`;
  const about = kind === "switch" ? await mapsOf(context, site, name) : [];
  if (!yes && !(await isToBeDeleted(context.host, what, about))) return nothingDeleted;
  if (yes) for (const one of about) context.warn(one);
  await withStorage(context, site, store, (storage) => administrationOf(storage, site).deleteFacility({ kind, name }));
  const isKnown = await tellInventory(context, site, undefined, () => true);
  return {
    json: { kind, name, site, inventoryRefreshed: isKnown },
    text: `The ${facilityKinds[kind]} “${shownName(name)}” of site ${site} is deleted.`,
  };
};

const deleteOne = async (
  context: Context,
  nameOrId: string,
  { site, kind, store, yes }: Omit<DeleteOptions, "kind"> & { readonly kind: ObjectKind | undefined },
): Promise<Answer> => {
  const deleted = await withStorage(context, site, store, async (storage) => {
    const cluster = administrationOf(storage, site);
    const objects = await storage.inventory();
    const object = await findChangeableOr(objects, { site, nameOrId, kind }, () => facilitiesNamed(cluster, nameOrId));
    const id = { kind: object.kind, id: object.id };
    const lost = await cluster.losses(id, "delete");
    const protection = await protectionOf(context, site, object);
    const plans = protectionText(protection);
    const about = [...lossesText(lost), ...(plans === undefined ? [] : [plans]), ...stayText(protection)];
    if (!yes && !(await isToBeDeleted(context.host, whatText(object, site), about))) return undefined;
    if (yes && plans !== undefined) context.warn(plans);
    await cluster.deleteObject(id);
    return { object, protection, lost };
  });
  if (deleted === undefined) return nothingDeleted;
  const { object, protection, lost } = deleted;
  const isKnown = await tellInventory(context, site, object.id, (seen) => seen === undefined);
  const { id, name } = object;
  const text = [
    `The ${kindNames[object.kind]} “${shownName(name)}” (${id}) on site ${site} is deleted.`,
    ...lossesText(lost),
    ...stayText(protection),
  ];
  return { json: { id, kind: object.kind, name, site, lost, inventoryRefreshed: isKnown }, text: text.join(" ") };
};

/** Something that is no object may be meant. @throws what `findChangeableObject` does, saying so */
const findChangeableOr = async (
  objects: readonly ObjectConfig[],
  wanted: WantedObject,
  others: () => Promise<readonly FacilityKind[]>,
): Promise<ObjectConfig> => {
  try {
    return findChangeableObject(objects, wanted);
  } catch (error) {
    const kinds = VisibleError.is(error, "OBJECT_UNKNOWN") && wanted.kind === undefined ? await others() : [];
    const [first] = kinds;
    if (first === undefined || !VisibleError.is(error)) throw error;
    throw new VisibleError("OBJECT_UNKNOWN", `${error.message} It has a ${facilityKinds[first]} of that name.`, {
      hint: `Say so: ${kinds.map((one) => `--kind ${one}`).join(" or ")}`,
      cause: error,
    });
  }
};

const facilitiesNamed = async (cluster: ClusterAdministration, name: string): Promise<readonly FacilityKind[]> => {
  const there: FacilityKind[] = [];
  for (const kind of ["pool", "switch", "nfs-export"] as const) {
    if ((await cluster.describeFacility({ kind, name })) !== undefined) there.push(kind);
  }
  return there;
};

const whatText = (object: ObjectConfig, site: string): string =>
  `the ${kindNames[object.kind]} “${shownName(object.name)}” (${object.id}, ${bytesText(bytesOf(object))}) of site ${site}`;
