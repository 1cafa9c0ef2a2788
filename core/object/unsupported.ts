import type { Facilities } from "../api/facilities.ts";
import { isUnusable, type JudgedObject } from "../api/judged-object.ts";
import { shownName } from "../api/name.ts";
import type { ObjectConfig } from "../api/object.ts";

/**
 * An object as a list tells of it: one of a kind that its site's storage driver can't
 * protect is unusable.
 * @param facilities undefined: what the driver can do is not known
 */
export const judgedByKind = (object: JudgedObject, facilities: Facilities | undefined): JudgedObject => {
  if (isUnusable(object) || facilities === undefined || facilities.kinds.includes(object.kind)) return object;
  const { kind, id, name }: ObjectConfig = object;
  return {
    kind,
    id,
    name: shownName(name),
    unusable: `the storage of its site can't protect objects of the kind ${kind}`,
  };
};
