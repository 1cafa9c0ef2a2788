import type { z } from "zod";
import { pagesOf } from "../../core/api/pages.ts";
import type { Key, Stored } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";

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
  /** Documents that are not of the form that they should have, and are left out. Absent: none. */
  readonly unreadable?: number;
}

/**
 * The documents that are of a form that is known, as they are. One that is not, since another
 * version wrote it or it is damaged, takes nothing from the others; the log has which it is and
 * why.
 */
export const readable = <T>(
  { log }: Pick<Deps, "log">,
  schema: z.ZodType<T>,
  documents: readonly Stored<unknown>[],
): { readonly items: T[]; readonly unreadable?: number } => {
  const items = documents.flatMap(({ key, body }) => {
    const { error } = schema.safeParse(body);
    if (error === undefined) return [body as T];
    log.error({ key, issues: error.issues.slice(0, issuesMax) }, "a document of a list can't be read, and is left out");
    return [];
  });
  const unreadable = documents.length - items.length;
  return { items, ...(unreadable > 0 && { unreadable }) };
};

const issuesMax = 5;

/**
 * A page of the documents whose keys begin like `first`, those that are of the form of `schema`.
 * @throws {VisibleError} BAD_REQUEST for a cursor of another list
 */
export const readPage = async <T>(
  deps: Pick<Deps, "store" | "log">,
  schema: z.ZodType<T>,
  first: Key,
  { limit, cursor }: PageRequest,
  order: { readonly descending: boolean } = { descending: false },
): Promise<Page<T>> => {
  const page = await deps.store.query<T>({
    partition: first.partition,
    prefix: first.sort,
    limit,
    ...order,
    cursor,
  });
  return { ...readable(deps, schema, page.items), ...(page.cursor !== undefined && { cursor: page.cursor }) };
};

/**
 * A page of what is wanted, where other things lie in between: it goes on reading until it has
 * enough, `readsMax` times at most, so it may be short.
 * @param read gives what is wanted among the next so many, and no cursor where nothing more can be
 */
export const filledPage = async <T>(
  { limit, cursor }: PageRequest,
  readsMax: number,
  read: (request: PageRequest) => Promise<Page<T>>,
): Promise<Page<T>> => {
  const items: T[] = [];
  let [reads, unreadable] = [0, 0];
  let next: string | undefined;
  for await (const page of pagesOf((from) => read({ limit: limit - items.length, cursor: from }), cursor)) {
    items.push(...page.items);
    unreadable += page.unreadable ?? 0;
    next = page.cursor;
    reads += 1;
    if (reads === readsMax || items.length >= limit) break;
  }
  return { items, ...(next !== undefined && { cursor: next }), ...(unreadable > 0 && { unreadable }) };
};
