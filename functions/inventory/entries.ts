import { isDeepStrictEqual } from "node:util";
import type { Damage } from "../../core/api/group.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { type JudgedObject, judgeObject } from "../../core/api/judged-object.ts";
import { foldedName } from "../../core/api/name.ts";
import { keyPart, type Placed, type PlaceRange } from "../../core/object/place.ts";
import type { Change, Key, Stored } from "../../core/ports/store.ts";
import { readRange } from "../documents/ranges.ts";
import { damageKey, damagePrefix, objectKey, objectNameKey, objectPrefix } from "../documents/records.ts";
import { keyText, storedBody } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";

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

/** An entry has three changes at most, and 64 KiB. */
const entriesPerCommit = 30;

/**
 * Brings what is stored of a site's list in line with entries that it has: writes what differs, and
 * deletes what lies in the range and is not among them. An entry and its name change together, and
 * only when it is what was read. Death in the middle is mended by doing it again.
 * @param range where these are all that there are; undefined: there may be others anywhere
 * @returns whether anything differed
 * @throws {CommitConflict} when somebody else writes the same at the same time
 */
export const putEntries = async <T extends object>(
  { store }: Store,
  siteId: SiteId,
  list: List<T>,
  entries: readonly Placed<T>[],
  range: PlaceRange | undefined,
): Promise<boolean> => {
  const changes = await changesOf({ store }, siteId, list, entries, range);
  for (let index = 0; index < changes.length; index += entriesPerCommit) {
    await store.commit(changes.slice(index, index + entriesPerCommit).flat());
  }
  return changes.length > 0;
};

/** What is to change, together for each entry. */
const changesOf = async <T extends object>(
  deps: Store,
  siteId: SiteId,
  list: List<T>,
  entries: readonly Placed<T>[],
  range: PlaceRange | undefined,
): Promise<readonly (readonly Change[])[]> => {
  const wanted = new Map(entries.map(({ place, entry }) => [place, entry]));
  const changes: (readonly Change[])[] = [];
  for await (const stored of readRange<T>(deps, list.keyOf(siteId, ""), range ?? spanOf(entries))) {
    const place = stored.key.sort.slice(list.prefix.length);
    const entry = wanted.get(place);
    wanted.delete(place);
    if (entry === undefined && range === undefined) continue;
    if (entry !== undefined && isDeepStrictEqual(stored.body, storedBody(stored.key, entry).body)) continue;
    changes.push(changesAt(siteId, list, place, stored, entry));
  }
  return [...changes, ...[...wanted].map(([place, entry]) => changesAt(siteId, list, place, undefined, entry))];
};

/** One entry becomes what it is now; undefined: it is not there. */
const changesAt = <T extends object>(
  siteId: SiteId,
  list: List<T>,
  place: string,
  stored: Stored<T> | undefined,
  entry: T | undefined,
): readonly Change[] => {
  const key = list.keyOf(siteId, place);
  const expect = stored === undefined ? "absent" : { version: stored.version };
  const nameBefore = stored && list.nameKeyOf?.(siteId, place, stored.body);
  const name = entry && list.nameKeyOf?.(siteId, place, entry);
  const isRenamed = nameBefore !== undefined && (name === undefined || keyText(nameBefore) !== keyText(name));
  return [
    entry === undefined ? { type: "delete", key, expect } : { type: "put", key, body: entry, expect },
    ...(isRenamed ? [{ type: "delete", key: nameBefore, expect: "any" } as const] : []),
    ...(name === undefined
      ? []
      : [{ type: "put", key: name, body: { place } satisfies NamedObject, expect: "any" } as const]),
  ];
};

/** From before the first to the last. */
const spanOf = (entries: readonly Placed<object>[]): PlaceRange => ({
  after: entries[0]?.place.slice(0, -1) ?? "",
  until: entries.at(-1)?.place ?? "",
});
