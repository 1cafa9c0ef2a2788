import { isDeepStrictEqual } from "node:util";
import type { Damage } from "../core/api/group.ts";
import type { SiteId } from "../core/api/ids.ts";
import { type JudgedObject, judgeObject } from "../core/object/judge.ts";
import { foldedName } from "../core/object/name.ts";
import { keyPart, type Placed, type PlaceRange } from "../core/object/place.ts";
import type { Key } from "../core/ports/store.ts";
import { mapBounded } from "./aws/map-bounded.ts";
import type { Deps } from "./deps.ts";
import { readRange } from "./ranges.ts";
import { damageKey, damagePrefix, objectKey, objectNameKey, objectPrefix } from "./records.ts";
import { keyText, storedBody } from "./store-rules.ts";

type Store = Pick<Deps, "store">;

/** The place of an object that has the name in the document's key. */
export interface NamedObject {
  readonly place: string;
}

/** A kind of an inventory's entries: a document for each, and what it is found by besides. */
interface List<T extends object> {
  readonly prefix: string;
  keyOf(siteId: SiteId, place: string): Key;
  /** The key of the document that finds an entry by its name. */
  nameKeyOf?(siteId: SiteId, place: string, entry: T): Key;
}

export const objectList: List<JudgedObject> = {
  prefix: objectPrefix,
  keyOf: objectKey,
  // What is stored may be damaged.
  nameKeyOf: (siteId, place, entry) => objectNameKey(siteId, keyPart(foldedName(judgeObject(entry).name)), place),
};

export const damageList: List<Damage> = { prefix: damagePrefix, keyOf: damageKey };

/**
 * Brings what is stored of a site's list in line with entries that it has: writes what differs, and
 * deletes what lies in the range and is not among them. Death in the middle is mended by doing it
 * again.
 * @param range where these are all that there are; undefined: there may be others anywhere
 * @returns whether anything differed
 */
export const putEntries = async <T extends object>(
  deps: Store,
  siteId: SiteId,
  list: List<T>,
  entries: readonly Placed<T>[],
  range: PlaceRange | undefined,
): Promise<boolean> => {
  const { differing, gone, staleNames } = await differences(deps, siteId, list, entries, range);
  const nameKeys = (some: readonly Placed<T>[]) =>
    some.flatMap(({ place, entry }) => list.nameKeyOf?.(siteId, place, entry) ?? []);
  // An object that is there is always found by its name: names come first, and go first.
  const names = differing.map((placed) => ({ placed, keys: nameKeys([placed]) }));
  await deps.store.putAll(
    names.flatMap(({ placed: { place }, keys }) => keys.map((key) => ({ key, body: { place } satisfies NamedObject }))),
  );
  await deleteAll(deps, [...staleNames, ...nameKeys(gone)]);
  await deps.store.putAll(differing.map(({ place, entry }) => ({ key: list.keyOf(siteId, place), body: entry })));
  await deleteAll(
    deps,
    gone.map(({ place }) => list.keyOf(siteId, place)),
  );
  return differing.length > 0 || gone.length > 0;
};

interface Differences<T> {
  /** Entries that are not stored, or otherwise. */
  readonly differing: readonly Placed<T>[];
  /** Stored entries that are not there any more. */
  readonly gone: readonly Placed<T>[];
  /** Names that entries are stored under and don't have any more. */
  readonly staleNames: readonly Key[];
}

const differences = async <T extends object>(
  deps: Store,
  siteId: SiteId,
  list: List<T>,
  entries: readonly Placed<T>[],
  range: PlaceRange | undefined,
): Promise<Differences<T>> => {
  const wanted = new Map(entries.map(({ place, entry }) => [place, entry]));
  const first = list.keyOf(siteId, "");
  const gone: Placed<T>[] = [];
  const staleNames: Key[] = [];
  for await (const { key, body } of readRange<T>(deps, first, range ?? spanOf(entries))) {
    const place = key.sort.slice(list.prefix.length);
    const entry = wanted.get(place);
    if (entry === undefined) {
      if (range !== undefined) gone.push({ place, entry: body });
    } else if (isDeepStrictEqual(body, storedBody(key, entry).body)) {
      wanted.delete(place);
    } else {
      const [before, after] = [body, entry].map((each) => list.nameKeyOf?.(siteId, place, each));
      if (before !== undefined && after !== undefined && keyText(before) !== keyText(after)) staleNames.push(before);
    }
  }
  return { differing: [...wanted].map(([place, entry]) => ({ place, entry })), gone, staleNames };
};

/** From before the first to the last. */
const spanOf = (entries: readonly Placed<object>[]): PlaceRange => ({
  after: entries[0]?.place.slice(0, -1) ?? "",
  until: entries.at(-1)?.place ?? "",
});

const deletesAtOnce = 8;
/** Deletes documents, whether they are there or not. */
export const deleteAll = async ({ store }: Store, keys: readonly Key[]): Promise<void> => {
  await mapBounded(keys, deletesAtOnce, (key) => store.commit([{ type: "delete", key, expect: "any" }]));
};
