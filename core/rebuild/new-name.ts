import { newName } from "../api/name.ts";
import type { ObjectConfig } from "../api/object.ts";
import { placeNamed } from "../object/file-place.ts";
import { rebuiltName } from "../object/rebuilt-name.ts";

const called = { lun: "a LUN", volume: "a volume", vm: "a VM", "nfs-file": "a file" } as const;

/**
 * What an object is called that is rebuilt. A file without a directory stays in its own.
 * @param wished what a person calls it; undefined: by the prefix
 * @throws VisibleError BAD_REQUEST
 */
export const nameOfRebuilt = (
  { kind, name }: Pick<ObjectConfig, "kind" | "name">,
  wished: string | undefined,
  prefix: string,
): string => {
  if (wished === undefined) return rebuiltName({ kind, name }, prefix);
  if (kind !== "nfs-file") return newName(wished, called[kind]);
  const directory = wished.includes("/") ? "" : name.slice(0, name.lastIndexOf("/") + 1);
  const path = newName(`${directory}${wished}`, called[kind]);
  placeNamed(path);
  return path;
};
