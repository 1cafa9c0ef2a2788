import { messageText } from "../../core/api/message.ts";
import type { PlanEntry } from "../../core/api/plan.ts";
import type { Key } from "../../core/ports/store.ts";
import { readRange } from "../documents/ranges.ts";
import { objectPageKey, objectPagePrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/** Some of a set's entries: objects, and rules. */
interface ObjectPage {
  readonly objects: readonly PlanEntry[];
}

const pageBytesMax = 64 * 1024;

/**
 * The documents in which a set of objects lies in a partition, of 64 KiB at most each. A set is
 * written once, at the latest with the document that names it, and never changed.
 */
export const objectPages = (
  partition: string,
  set: string,
  objects: readonly PlanEntry[],
): readonly { readonly key: Key; readonly body: ObjectPage }[] => {
  const pages: PlanEntry[][] = [];
  let bytes = 0;
  for (const object of objects) {
    const objectBytes = messageText(object).length + 1;
    const last = pages.at(-1);
    if (last !== undefined && bytes + objectBytes <= pageBytesMax) {
      last.push(object);
      bytes += objectBytes;
    } else {
      pages.push([object]);
      bytes = objectBytes;
    }
  }
  return pages.map((page, index) => ({ key: objectPageKey(partition, set, index), body: { objects: page } }));
};

/** Writes a set. Twice is as good as once. */
export const putObjects = (
  { store }: Pick<Deps, "store">,
  partition: string,
  set: string,
  objects: readonly PlanEntry[],
): Promise<void> => store.putAll(objectPages(partition, set, objects));

/** A set in its order; empty where there is none. */
export const readObjects = async (
  deps: Pick<Deps, "store">,
  partition: string,
  set: string,
): Promise<readonly PlanEntry[]> => {
  const objects: PlanEntry[] = [];
  for await (const { body } of readRange<ObjectPage>(deps, { partition, sort: objectPagePrefix(set) })) {
    objects.push(...body.objects);
  }
  return objects;
};
