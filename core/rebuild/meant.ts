import { VisibleError } from "../api/errors.ts";
import type { GroupId } from "../api/ids.ts";
import { foldedName, shownName } from "../api/name.ts";
import type { ObjectConfig } from "../api/object.ts";

interface Found {
  readonly index: number;
  readonly config: ObjectConfig;
}

type Meant = Map<string, Found[]>;

/**
 * Which of a group's objects are meant by texts, as they were when it was taken; an id goes before
 * a name. All texts are looked up at once.
 * @param configs of all of the group's, in its order
 * @param of.see the command that says what it has
 * @returns gives the index of the object that one of the texts means; it throws OBJECT_UNKNOWN and
 *   OBJECT_AMBIGUOUS
 */
export const meantAmong = async (
  configs: AsyncIterable<ObjectConfig> | Iterable<ObjectConfig>,
  wanted: readonly string[],
  of: { readonly groupId: GroupId; readonly see: string },
): Promise<(text: string) => number> => {
  const [ids, names]: [Meant, Meant] = [
    new Map(wanted.map((text) => [text, []])),
    new Map(wanted.map((text) => [foldedName(text), []])),
  ];
  let index = 0;
  for await (const config of configs) {
    ids.get(config.id)?.push({ index, config });
    names.get(foldedName(config.name))?.push({ index, config });
    index += 1;
  }
  for (const [text, found] of ids) if (found.length === 0) ids.delete(text);
  return (text) => theOne(text, of, ids.get(text) ?? names.get(foldedName(text)) ?? []);
};

const theOne = (
  text: string,
  { groupId, see }: { readonly groupId: GroupId; readonly see: string },
  found: readonly Found[],
): number => {
  const [only, ...others] = found;
  if (only === undefined) {
    throw new VisibleError("OBJECT_UNKNOWN", `The group ${groupId} has no object “${shownName(text)}”.`, {
      hint: `See what it has with: ${see}`,
    });
  }
  if (others.length === 0) return only.index;
  const ids = found.map(({ config }) => `${config.id} (${config.kind})`);
  throw new VisibleError("OBJECT_AMBIGUOUS", `The group ${groupId} has ${found.length} objects “${shownName(text)}”.`, {
    hint: `Name one by its id: ${ids.join(", ")}`,
  });
};
