import { VisibleError } from "../api/errors.ts";
import type { SiteId } from "../api/ids.ts";
import { isUnusable, type JudgedObject } from "../api/judged-object.ts";
import { foldedName, nameCharactersMax, shownName } from "../api/name.ts";
import type { ObjectConfig } from "../api/object.ts";
import type { RebuiltName } from "./survey.ts";

/**
 * Names that a restore would give: they are not too long, and those that are wished for are each
 * one's own.
 * @throws VisibleError BAD_REQUEST, OBJECT_NAME_TAKEN
 */
export const refuseWrongNames = (wanted: readonly RebuiltName[]): void => {
  const long = wanted.find(({ name }) => name.length > nameCharactersMax);
  if (long !== undefined) {
    throw new VisibleError("BAD_REQUEST", `“${long.name}” has more than ${nameCharactersMax} characters.`, {
      hint: "Choose a shorter prefix, or a shorter name.",
    });
  }
  refuseNamedTwice(wanted);
};

/**
 * Nobody has them at the site.
 * @param objects what the site has, or some of it; mirrors have names of their own
 * @param toDelete the command that deletes what is in the way
 * @throws VisibleError OBJECT_NAME_TAKEN
 */
export const refuseTakenNames = (
  wanted: readonly RebuiltName[],
  objects: readonly JudgedObject[],
  { siteId, toDelete }: { readonly siteId: SiteId; readonly toDelete: string },
): void => {
  const meanings = new Set(wanted.map(meaningOf));
  const inTheWay = objects.flatMap((object) =>
    isUnusable(object) || object.origin?.role === "mirror" || !meanings.has(meaningOf(object)) ? [] : [object],
  );
  if (inTheWay.length > 0) throw namesTaken(siteId, inTheWay, toDelete);
};

/** LUNs and volumes share their names. */
const meaningOf = ({ kind, name }: Pick<RebuiltName, "kind" | "name">): string =>
  `${kind === "lun" ? "volume" : kind}/${foldedName(name)}`;

/** Names by the prefix get a number where another one has them; what is wished for does not. */
const refuseNamedTwice = (wanted: readonly RebuiltName[]): void => {
  for (const some of Map.groupBy(wanted, meaningOf).values()) {
    const wished = some.find(({ isWished }) => isWished);
    if (wished === undefined || some.length === 1) continue;
    const what = `${some.length} of what is rebuilt would be called “${shownName(wished.name)}”.`;
    throw new VisibleError("OBJECT_NAME_TAKEN", what, { hint: "Give each a name of its own with --rename OLD=NEW." });
  }
};

const shownMax = 5;

const namesTaken = (siteId: SiteId, objects: readonly ObjectConfig[], toDelete: string): VisibleError => {
  const shown = objects.slice(0, shownMax).map(({ kind, id, name }) => `${kind} “${name}” (${id})`);
  const more = objects.length > shownMax ? `, and ${objects.length - shownMax} more` : "";
  return new VisibleError(
    "OBJECT_NAME_TAKEN",
    `Site “${siteId}” has objects already whose names the rebuilt ones would get: ${shown.join(", ")}${more}. Nothing was rebuilt.`,
    {
      hint: `Give the rebuilt objects other names with --prefix TEXT or --rename OLD=NEW. Or delete what is in the way: ${toDelete}`,
    },
  );
};
