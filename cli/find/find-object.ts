import { VisibleError } from "../../core/api/errors.ts";
import { isSameName, shownName } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { didYouMean } from "../../core/object/nearest-name.ts";
import { kindNames } from "../render/kind-names.ts";
import { isMirror, objectIsMirror, originNote } from "../render/mirrors.ts";

export interface WantedObject {
  readonly site: string;
  readonly nameOrId: string;
  /** Of this kind alone. */
  readonly kind?: ObjectKind | undefined;
}

/**
 * The one object that is meant by its id or its name. A VM and a volume, a mirror and what was
 * rebuilt of it may have the same name: then nobody guesses.
 * @param isForChange whether it is to be changed: mirrors never are, so a name that one
 * other has means that one
 * @throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const findObject = (
  objects: readonly ObjectConfig[],
  wanted: WantedObject,
  { isForChange = false } = {},
): ObjectConfig => {
  const { nameOrId, kind } = wanted;
  const ofKind = objects.filter((object) => kind === undefined || object.kind === kind);
  const byId = ofKind.filter(({ id }) => id === nameOrId);
  const byName = ofKind.filter((object) => !byId.includes(object) && isSameName(object.name, nameOrId));
  const changeable = isForChange ? byName.filter((object) => !isMirror(object)) : [];
  const found = [...byId, ...(changeable.length > 0 ? changeable : byName)];
  const [only, ...others] = found;
  if (only === undefined) throw unknown(objects, wanted);
  if (others.length > 0) throw ambiguous(found, wanted);
  return only;
};

/**
 * The one that is meant, to be changed.
 * @throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_IS_MIRROR
 */
export const findChangeableObject = (objects: readonly ObjectConfig[], wanted: WantedObject): ObjectConfig => {
  const object = findObject(objects, wanted, { isForChange: true });
  if (isMirror(object)) throw objectIsMirror(object, wanted.site);
  return object;
};

const unknown = (objects: readonly ObjectConfig[], { site, nameOrId, kind }: WantedObject): VisibleError => {
  const name = shownName(nameOrId);
  const others = kind === undefined ? [] : objects.filter((object) => isSameName(object.name, nameOrId));
  const message = `Site “${site}” has no ${kind === undefined ? "object" : kindNames[kind]} “${name}”.`;
  const [other] = others;
  if (other === undefined) {
    const names = objects.flatMap((object) =>
      kind === undefined || object.kind === kind ? [shownName(object.name)] : [],
    );
    return new VisibleError("OBJECT_UNKNOWN", message, {
      hint: `${didYouMean(nameOrId, names)}List what it has with: smtx-backup object list --site ${site} --refresh`,
    });
  }
  return new VisibleError(
    "OBJECT_UNKNOWN",
    `${message} It has a ${kindNames[other.kind]} of that name (${other.id}).`,
    {
      hint: `See: smtx-backup object list --site ${site} --kind ${kind}`,
    },
  );
};

const ambiguous = (found: readonly ObjectConfig[], { site, nameOrId }: WantedObject): VisibleError => {
  const kinds = new Set(found.map(({ kind }) => kind));
  // Kinds tell them apart only where each is there once.
  const byKind = kinds.size === found.length ? ` Or say which kind with --kind ${[...kinds].join(" or --kind ")}.` : "";
  const ids = found.map((object) => `${object.id} (${kindNames[object.kind]}${originNote(object)})`);
  return new VisibleError("OBJECT_AMBIGUOUS", `Site “${site}” has ${found.length} objects “${shownName(nameOrId)}”.`, {
    hint: `Name one by its id: ${ids.join(", ")}.${byKind}`,
  });
};
