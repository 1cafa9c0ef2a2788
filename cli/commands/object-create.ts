import type { ObjectConfig } from "../../core/api/object.ts";
import type { ObjectSpec } from "../../core/api/object-spec.ts";
import { isUnusable } from "../../core/object/judge.ts";
import type { Answer, Context } from "../context.ts";
import { tellInventory } from "../inventory.ts";
import { readObjectFile } from "../object-file.ts";
import { objectTable } from "../render/object.ts";
import { printable } from "../render/style.ts";
import { counted } from "../render/units.ts";
import { administrationOf, withStorage } from "../with-storage.ts";
import { facilityKinds } from "./object-delete.ts";

interface CreateOptions {
  readonly site: string;
  readonly file: string;
  readonly store?: string;
}

/** `object create`: all that a file describes, or nothing of it. */
export const createObjects = async (context: Context, { site, file, store }: CreateOptions): Promise<Answer> => {
  const specs = await readObjectFile(file, context.host);
  const made = await withStorage(context, site, store, (storage) =>
    administrationOf(storage, site).createObjects(specs),
  );
  // What was made together is told together; the last of it stands for all.
  const isKnown = await tellInventory(
    context,
    site,
    made.at(-1)?.id,
    (seen) => seen !== undefined && (isUnusable(seen) || seen.id === made.at(-1)?.id),
  );
  const text = [...facilitiesText(specs, site), ...objectsText(made, site, context)].join("\n");
  return { json: { objects: made, site, inventoryRefreshed: isKnown }, text };
};

const objectsText = (made: readonly ObjectConfig[], site: string, { style }: Context): readonly string[] =>
  made.length === 0
    ? []
    : [`Made ${counted(made.length, "object")} on site ${site}:`, objectTable(made, style, "none")];

const isFacility = (spec: ObjectSpec): spec is Extract<ObjectSpec, { kind: keyof typeof facilityKinds }> =>
  spec.kind in facilityKinds;

/** Those that were there already are as they are described now. */
const facilitiesText = (specs: readonly ObjectSpec[], site: string): readonly string[] => {
  const there = specs.filter(isFacility).map(({ kind, name }) => printable(`${facilityKinds[kind]} ${name}`));
  return there.length === 0 ? [] : [`Site ${site} has ${there.join(", ")}.`];
};
