import { isUnusable } from "../../core/api/judged-object.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { ObjectSpec } from "../../core/api/object-spec.ts";
import type { ClusterAdministration, FacilityId } from "../../gateway/storage/administration.ts";
import type { Answer, Context } from "../context/context.ts";
import { administrationOf, withStorage } from "../context/with-storage.ts";
import { tellInventory } from "../control-plane/inventory.ts";
import { readObjectFile } from "../input/object-file.ts";
import { shownObject } from "../json/object.ts";
import { type DescribedFacility, facilitiesText, facilityKinds } from "../render/facility.ts";
import { objectTable } from "../render/object.ts";
import { counted } from "../render/units.ts";

interface CreateOptions {
  readonly site: string;
  readonly file: string;
  readonly store?: string;
}

/** `object create`: all that a file describes, or nothing of it. */
export const createObjects = async (context: Context, { site, file, store }: CreateOptions): Promise<Answer> => {
  const specs = await readObjectFile(file, context.host);
  const { made, facilities } = await withStorage(context, site, store, (storage) =>
    makeAll(administrationOf(storage, site), specs),
  );
  // What was made together is told together; the last of it stands for all.
  const isKnown = await tellInventory(
    context,
    site,
    made.at(-1)?.id,
    (seen) => seen !== undefined && (isUnusable(seen) || seen.id === made.at(-1)?.id),
  );
  const text = [...facilitiesText(facilities, site), ...objectsText(made, site, context)].join("\n");
  return { json: { objects: made.map(shownObject), facilities, site, inventoryRefreshed: isKnown }, text };
};

const objectsText = (made: readonly ObjectConfig[], site: string, { style }: Context): readonly string[] =>
  made.length === 0
    ? []
    : [`Made ${counted(made.length, "object")} on site ${site}:`, objectTable(made, style, "none")];

/** @returns the objects, and of each pool, switch and export what it was before and is now */
const makeAll = async (cluster: ClusterAdministration, specs: readonly ObjectSpec[]) => {
  const names = new Map(specs.filter(isFacility).map(({ kind, name }) => [`${kind} ${name}`, { kind, name }]));
  const before = [];
  for (const of of names.values()) before.push({ ...of, before: await cluster.describeFacility(of) });
  const made = await cluster.createObjects(specs);
  const facilities: DescribedFacility[] = [];
  for (const one of before) facilities.push({ ...one, now: (await cluster.describeFacility(one)) ?? {} });
  return { made, facilities };
};

const isFacility = (spec: ObjectSpec): spec is Extract<ObjectSpec, { kind: FacilityId["kind"] }> =>
  spec.kind in facilityKinds;
