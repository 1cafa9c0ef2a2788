import { allItems, pagesOf } from "../../core/api/pages.ts";
import type { PlaceRange } from "../../core/object/place.ts";
import type { Key, Stored } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";
import { encodeCursor } from "./store-rules.ts";

const usualPage = 100;

/**
 * The documents of a partition whose sort keys begin with `first.sort` and go on with a place of
 * the range, in their order.
 */
export async function* readRange<T>(
  { store }: Pick<Deps, "store">,
  first: Key,
  { after, until, perPage = usualPage }: PlaceRange & { readonly perPage?: number } = {},
): AsyncGenerator<Stored<T>> {
  const { partition, sort: prefix } = first;
  const start = after === undefined ? undefined : encodeCursor(`${prefix}${after}`);
  const read = (cursor: string | undefined) => store.query<T>({ partition, prefix, limit: perPage, cursor });
  for await (const { items } of pagesOf(read, start)) {
    for (const document of items) {
      if (until !== undefined && document.key.sort > `${prefix}${until}`) return;
      yield document;
    }
  }
}

/** All documents of a partition whose sort keys begin with `first.sort`, in their order. */
export const readAll = <T>(
  { store }: Pick<Deps, "store">,
  { partition, sort: prefix }: Key,
  perPage = usualPage,
): Promise<readonly Stored<T>[]> =>
  allItems(pagesOf((cursor) => store.query<T>({ partition, prefix, limit: perPage, cursor })));
