import { nameCharactersMax } from "../../../../core/api/name.ts";

/**
 * Names under which each of a cluster's things is known once. CloudTower lets two LUNs in different
 * targets, and two volumes, have the same one: then all but the first have some of their id behind
 * it.
 * @returns the names by the ids
 */
export const freeNames = (things: readonly { readonly id: string; readonly name: string }[]): Map<string, string> => {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const { id, name } of things.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const free = taken.has(name) ? withId(name, id) : name;
    taken.add(free);
    names.set(id, free);
  }
  return names;
};

const withId = (name: string, id: string): string => {
  const behind = ` (${id.slice(-12)})`;
  return name.slice(0, nameCharactersMax - behind.length) + behind;
};
