import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, RunId } from "../../core/api/ids.ts";
import { shownName } from "../../core/api/name.ts";
import type { RebuildCreate } from "../../core/api/restore/rebuild.ts";
import type { Deps } from "../ports/deps.ts";
import { meantBy } from "./chosen-objects.ts";

/** Which of a run's objects are rebuilt, and what some are to be called, by their index there. */
export interface RebuildChoice {
  /** In the run's order, each once. Undefined: all. */
  readonly indices: readonly number[] | undefined;
  readonly names: ReadonlyMap<number, string>;
}

interface Of {
  readonly runId: RunId;
  readonly groupId: GroupId;
  /** How many objects the run has. */
  readonly count: number;
}

/**
 * Which objects are meant by names or ids, as they were when the group was taken; an id goes before
 * a name.
 * @throws {VisibleError} OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, BAD_REQUEST (a new name for several
 *   objects, for none of them, or two for one)
 */
export const readChoice = async (
  deps: Pick<Deps, "store">,
  of: Of,
  { objects, name, renames = [] }: Pick<RebuildCreate, "objects" | "name" | "renames">,
): Promise<RebuildChoice> => {
  const meant = await meantBy(deps, of.runId, of.groupId, [...(objects ?? []), ...renames.map(({ object }) => object)]);
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
  return { indices, names: name === undefined ? names : withOnlyName(names, name, indices ?? allOf(of)) };
};

const allOf = ({ count }: Of): readonly number[] => Array.from({ length: count }, (_, index) => index);

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
