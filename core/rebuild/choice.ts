import { VisibleError } from "../api/errors.ts";
import { shownName } from "../api/name.ts";
import type { RebuildCreate } from "../api/restore/rebuild.ts";

/** Which of a group's objects are rebuilt, and what some are to be called, by their index there. */
export interface RebuildChoice {
  /** In the run's order, each once. Undefined: all. */
  readonly indices: readonly number[] | undefined;
  readonly names: ReadonlyMap<number, string>;
}

/**
 * Which objects are meant by names or ids.
 * @param meant gives the index of the object that a text means
 * @param count how many objects the group has
 * @throws {VisibleError} BAD_REQUEST (a new name for several objects, for none of them, or two for
 *   one), and what `meant` throws
 */
export const chosenToRebuild = (
  meant: (text: string) => number,
  count: number,
  { objects, name, renames = [] }: Pick<RebuildCreate, "objects" | "name" | "renames">,
): RebuildChoice => {
  const indices = objects && [...new Set(objects.map(meant))].sort((one, other) => one - other);
  const names = new Map<number, string>();
  for (const rename of renames) {
    const index = meant(rename.object);
    if (names.has(index)) throw badRename(`“${shownName(rename.object)}” gets two names`);
    if (indices?.includes(index) === false) {
      throw badRename(`“${shownName(rename.object)}” gets a name, and is not among the objects that are rebuilt`);
    }
    names.set(index, rename.name);
  }
  return { indices, names: name === undefined ? names : withOnlyName(names, name, indices ?? allOf(count)) };
};

const allOf = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

const withOnlyName = (
  names: ReadonlyMap<number, string>,
  name: string,
  [only, ...others]: readonly number[],
): ReadonlyMap<number, string> => {
  if (names.size > 0) throw badRename(`“${shownName(name)}” is a second name`);
  if (only !== undefined && others.length === 0) return new Map([[only, name]]);
  throw badRename(`“${shownName(name)}” is a name for one object, and ${others.length + 1} are rebuilt`);
};

const badRename = (what: string) =>
  new VisibleError("BAD_REQUEST", `${what}. Nothing was rebuilt.`, {
    hint: "Choose one object with --object NAME, and name it with --name NEW; or name several with --rename OLD=NEW.",
  });
