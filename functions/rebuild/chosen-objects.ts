import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, RunId } from "../../core/api/ids.ts";
import { foldedName, shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { RebuildCreate } from "../../core/api/restore/rebuild.ts";
import type { Deps } from "../ports/deps.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

/** Which of a run's objects are rebuilt, and what some are to be called, by their index there. */
export interface ChosenObjects {
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
export const chooseObjects = async (
  deps: Pick<Deps, "store">,
  of: Of,
  { objects, name, renames = [] }: Pick<RebuildCreate, "objects" | "name" | "renames">,
): Promise<ChosenObjects> => {
  const meant = await meantBy(deps, of, [...(objects ?? []), ...renames.map(({ object }) => object)]);
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

interface Found {
  readonly index: number;
  readonly config: ObjectConfig;
}

/** @returns the index of the object that a text means; all of them are looked for at once */
const meantBy = async (
  deps: Pick<Deps, "store">,
  { runId, groupId }: Of,
  wanted: readonly string[],
): Promise<(text: string) => number> => {
  if (wanted.length === 0) return () => 0;
  const [ids, names] = await lookUp(deps, runId, wanted);
  return (text) => theOne(text, groupId, ids.get(text) ?? names.get(foldedName(text)) ?? []);
};

type Meant = Map<string, Found[]>;

/** What has one of these texts as its id, and what as its name. */
const lookUp = async (
  deps: Pick<Deps, "store">,
  runId: RunId,
  wanted: readonly string[],
): Promise<readonly [Meant, Meant]> => {
  const [ids, names]: [Meant, Meant] = [
    new Map(wanted.map((text) => [text, []])),
    new Map(wanted.map((text) => [foldedName(text), []])),
  ];
  let index = 0;
  for await (const { config } of snapshotFactsOf(deps, runId)) {
    ids.get(config.id)?.push({ index, config });
    names.get(foldedName(config.name))?.push({ index, config });
    index += 1;
  }
  for (const [text, found] of ids) if (found.length === 0) ids.delete(text);
  return [ids, names];
};

const theOne = (text: string, groupId: GroupId, found: readonly Found[]): number => {
  const [only, ...others] = found;
  if (only === undefined) {
    throw new VisibleError("OBJECT_UNKNOWN", `The group ${groupId} has no object “${shownName(text)}”.`, {
      hint: `See what it has with: smtx-backup group show ${groupId}`,
    });
  }
  if (others.length === 0) return only.index;
  const ids = found.map(({ config }) => `${config.id} (${config.kind})`);
  throw new VisibleError("OBJECT_AMBIGUOUS", `The group ${groupId} has ${found.length} objects “${shownName(text)}”.`, {
    hint: `Name one by its id: ${ids.join(", ")}`,
  });
};
