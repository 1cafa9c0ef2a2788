import type { Key } from "../../core/ports/store.ts";
import type { Deps } from "../deps.ts";

/** Which part of a list a person wants. */
export interface PageRequest {
  /** Items at most. */
  readonly limit: number;
  /** From the page before. */
  readonly cursor?: string | undefined;
}

export interface Page<T> {
  readonly items: T[];
  /** Absent: this was the last page. */
  readonly cursor?: string;
}

/**
 * A page of the documents whose keys begin like `first`.
 * @throws {VisibleError} BAD_REQUEST for a cursor of another list
 */
export const readPage = async <T>(
  { store }: Pick<Deps, "store">,
  first: Key,
  { limit, cursor }: PageRequest,
  order: { readonly descending: boolean } = { descending: false },
): Promise<Page<T>> => {
  const page = await store.query<T>({
    partition: first.partition,
    prefix: first.sort,
    limit,
    ...order,
    ...(cursor === undefined ? {} : { cursor }),
  });
  const items = page.items.map(({ body }) => body);
  return page.cursor === undefined ? { items } : { items, cursor: page.cursor };
};
