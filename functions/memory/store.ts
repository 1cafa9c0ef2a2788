import type { Instant } from "../../core/api/ids.ts";
import type { Change, DocumentStore, Expectation, Key, Stored } from "../../core/ports/store.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { assertCommit, decodeCursor, encodeCursor, keyText, storedBody } from "../documents/store-rules.ts";

interface Document {
  readonly key: Key;
  readonly version: number;
  readonly json: string;
  readonly dueAt?: Instant;
}

const holds = (document: Document | undefined, expect: Expectation): boolean => {
  if (expect === "any") return true;
  if (expect === "absent") return document === undefined;
  return document?.version === expect.version;
};

/** DynamoDB orders sort keys by their UTF-8 bytes. */
const bySort = (a: Document, b: Document) => Buffer.compare(Buffer.from(a.key.sort), Buffer.from(b.key.sort));

const stored = <T>(document: Document, parse: (json: string) => unknown = JSON.parse): Stored<T> => ({
  key: { ...document.key },
  version: document.version,
  body: parse(document.json) as T,
  ...(document.dueAt === undefined ? {} : { dueAt: document.dueAt }),
});

/**
 * DynamoDB promises no order of a document's fields: a query gives them backwards here, so that
 * nobody counts on one.
 */
const backwards = (json: string): unknown =>
  JSON.parse(json, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).reverse())
      : value,
  );

const put = (change: Extract<Change, { type: "put" }>, before: Document | undefined): Document => ({
  key: { ...change.key },
  version: (before?.version ?? 0) + 1,
  json: JSON.stringify(storedBody(change.key, change.body).body),
  ...(change.dueAt === undefined ? {} : { dueAt: change.dueAt }),
});

/**
 * A `DocumentStore` in memory with the semantics of the one in DynamoDB, for models and tests.
 * Documents never expire, and `due` never lags. Bodies are copied on their way in and out.
 */
export const createMemoryStore = (): DocumentStore => {
  const documents = new Map<string, Document>();

  return {
    async get<T>(key: Key) {
      const document = documents.get(keyText(key));
      return document === undefined ? undefined : stored<T>(document);
    },

    async query<T>({
      partition,
      prefix = "",
      limit,
      descending = false,
      cursor,
    }: Parameters<DocumentStore["query"]>[0]) {
      const all = [...documents.values()]
        .filter((document) => document.key.partition === partition && document.key.sort.startsWith(prefix))
        .sort(descending ? (a, b) => bySort(b, a) : bySort);
      const last = cursor === undefined ? undefined : Buffer.from(decodeCursor(cursor, prefix));
      const isAfterCursor = (document: Document) =>
        last === undefined || Buffer.compare(Buffer.from(document.key.sort), last) * (descending ? -1 : 1) > 0;
      const rest = all.filter(isAfterCursor);
      const page = rest.slice(0, limit);
      const end = page.at(-1);
      const items = page.map((document) => stored<T>(document, backwards));
      return rest.length > page.length && end !== undefined ? { items, cursor: encodeCursor(end.key.sort) } : { items };
    },

    async due({ now, limit, after = "" }) {
      return [...documents.values()]
        .flatMap((document) =>
          document.dueAt === undefined ? [] : [{ key: { ...document.key }, dueAt: document.dueAt }],
        )
        .filter(({ dueAt }) => dueAt > after && dueAt <= now)
        .sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0))
        .slice(0, limit)
        .map(({ key, dueAt }) => ({ ...key, dueAt }));
    },

    async commit(changes) {
      assertCommit(changes);
      if (!changes.every((change) => holds(documents.get(keyText(change.key)), change.expect)))
        throw new CommitConflict();
      for (const change of changes) {
        const text = keyText(change.key);
        if (change.type === "put") documents.set(text, put(change, documents.get(text)));
        if (change.type === "delete") documents.delete(text);
      }
    },

    async deleteAll(keys) {
      for (const key of keys) documents.delete(keyText(key));
    },

    async putAll(list) {
      const made = list.map((document) => put({ type: "put", expect: "any", ...document }, undefined));
      for (const document of made) documents.set(keyText(document.key), document);
    },
  };
};
