import type { PlaceRange } from "../../core/object/place.ts";
import type { Key, Stored } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";
import { encodeCursor } from "./store-rules.ts";

const pageDocuments = 100;

/**
 * The documents of a partition whose sort keys begin with `first.sort` and go on with a place of
 * the range, in their order.
 */
export async function* readRange<T>(
  { store }: Pick<Deps, "store">,
  first: Key,
  { after, until }: PlaceRange = {},
): AsyncGenerator<Stored<T>> {
  const { partition, sort: prefix } = first;
  let cursor = after === undefined ? undefined : encodeCursor(`${prefix}${after}`);
  do {
    const page = await store.query<T>({
      partition,
      prefix,
      limit: pageDocuments,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const document of page.items) {
      if (until !== undefined && document.key.sort > `${prefix}${until}`) return;
      yield document;
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
}
