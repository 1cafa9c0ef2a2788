import assert from "node:assert/strict";
import { VisibleError } from "../../core/api/errors.ts";
import { type Change, documentFormat, type Key } from "../../core/ports/store.ts";

/**
 * The largest body, as UTF-8 JSON: DynamoDB's 400 KB item less the keys and attributes around it.
 */
export const bodyBytesMax = 380 * 1024;
/**
 * The most changes in one commit, and the most bytes of all its bodies: DynamoDB's
 * limits of a transaction.
 */
export const commitChangesMax = 100;
export const commitBytesMax = 4_000_000;

/**
 * What is told of a document's form beside it: nothing when it is the present one.
 * @throws {VisibleError} NEWER_VERSION
 */
export const readableFormat = (key: Key, format = 1): { readonly format?: number } => {
  if (format === documentFormat) return {};
  if (format < documentFormat) return { format };
  const what = `The document ${key.partition} ${key.sort} has the form ${format}, and this version knows ${documentFormat}.`;
  throw new VisibleError("NEWER_VERSION", what, { hint: "A newer version wrote it: update this one, too." });
};

/** One text for a key, for maps: sort keys never hold a line break. */
export const keyText = (key: Key): string => `${key.partition}\n${key.sort}`;

/**
 * The body as it comes back from any store: a deep copy through JSON, so that stores agree on
 * `undefined` and dates. Asserts that it is an object of `bodyBytesMax` at most.
 */
export const storedBody = (
  key: Key,
  body: object,
): { readonly body: Record<string, unknown>; readonly bytes: number } => {
  const json = JSON.stringify(body);
  const bytes = Buffer.byteLength(json);
  assert(
    bytes <= bodyBytesMax,
    `the document ${key.partition} ${key.sort} has ${bytes} bytes; a body may have ${bodyBytesMax}. Split it into parts.`,
  );
  return { body: JSON.parse(json), bytes };
};

/** Asserts what every commit must keep to: 1 to 100 changes, no key twice, 4 MB in all. */
export const assertCommit = (changes: readonly Change[]): void => {
  assert(changes.length > 0, "a commit without changes");
  assert(
    changes.length <= commitChangesMax,
    `a commit of ${changes.length} changes; ${commitChangesMax} are the most. Use putAll for facts.`,
  );
  const keys = new Set<string>();
  let bytes = 0;
  for (const change of changes) {
    const text = keyText(change.key);
    assert(!keys.has(text), `the key ${change.key.partition} ${change.key.sort} is twice in one commit`);
    keys.add(text);
    if (change.type === "put") bytes += storedBody(change.key, change.body).bytes;
  }
  assert(bytes <= commitBytesMax, `a commit of ${bytes} bytes; ${commitBytesMax} are the most. Use putAll for facts.`);
};

/** A cursor is the sort key of the last document of the page before, made opaque. */
export const encodeCursor = (sort: string): string => Buffer.from(sort, "utf8").toString("base64url");

/**
 * The sort key that a page goes on after.
 * @throws {VisibleError} BAD_REQUEST for a cursor that no page of this query gave: cursors pass
 * through users' hands
 */
export const decodeCursor = (cursor: string, prefix: string): string => {
  const sort = Buffer.from(cursor, "base64url").toString("utf8");
  if (encodeCursor(sort) === cursor && sort.length > 0 && sort.startsWith(prefix)) return sort;
  throw foreignCursor();
};

export const foreignCursor = () =>
  new VisibleError("BAD_REQUEST", "The cursor is not one that this list gave.", {
    hint: "Leave the cursor out to begin again at the first page.",
  });
