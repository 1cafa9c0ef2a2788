import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, RunId } from "../../core/api/ids.ts";
import { foldedName, shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Deps } from "../ports/deps.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

interface Found {
  readonly index: number;
  readonly config: ObjectConfig;
}

/**
 * Which objects of a run's snapshot are meant by names or ids; an id goes before a name.
 * @returns their indices, in the run's order, each once
 * @throws {VisibleError} OBJECT_UNKNOWN, OBJECT_AMBIGUOUS
 */
export const chooseObjects = async (
  deps: Pick<Deps, "store">,
  runId: RunId,
  groupId: GroupId,
  wanted: readonly string[],
): Promise<readonly number[]> => {
  const meant = await meantBy(deps, runId, groupId, wanted);
  return [...new Set(wanted.map(meant))].sort((one, other) => one - other);
};

/**
 * The same one by one: all texts are looked up at once.
 * @returns the index of the object that one of them means; it throws as `chooseObjects`
 */
export const meantBy = async (
  deps: Pick<Deps, "store">,
  runId: RunId,
  groupId: GroupId,
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
