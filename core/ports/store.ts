import type { Instant } from "../api/ids.ts";

/**
 * Where a document lies: documents of one partition are listed together, in the order of `sort`.
 */
export interface Key {
  readonly partition: string;
  readonly sort: string;
}

/** A document with the version that a later commit can insist on; the first version is 1. */
export interface Stored<T> {
  readonly key: Key;
  readonly version: number;
  readonly body: T;
  /** When `due` finds it. Absent: never. */
  readonly dueAt?: Instant;
  /** The form that an earlier version of this product wrote it in. Absent: the present one. */
  readonly format?: number;
}

/**
 * The form in which documents are written: it goes up by one when the shape of any of them changes,
 * and whoever reads a document of the form before brings it to this one. 1: what has no number.
 */
export const documentFormat = 2;

/**
 * What must be true of the document for a commit to go through: nothing, that there is none, or its
 * version.
 */
export type Expectation = "any" | "absent" | { readonly version: number };

export type Change =
  | {
      readonly type: "put";
      readonly key: Key;
      readonly body: object;
      readonly expect: Expectation;
      /** The document is found by `due` once this instant has passed. Absent: never. */
      readonly dueAt?: Instant;
      /** The store may drop the document after this instant; it may also keep it. */
      readonly expiresAt?: Instant;
    }
  | { readonly type: "delete"; readonly key: Key; readonly expect: Expectation }
  /** Nothing is written; the commit fails unless the expectation holds. */
  | { readonly type: "check"; readonly key: Key; readonly expect: Expectation };

/** Somebody else wrote first: load again, decide again. */
export class CommitConflict extends Error {
  constructor(options: { cause?: unknown } = {}) {
    super("a document was changed by somebody else in the meantime", options);
    this.name = "CommitConflict";
  }
}

/**
 * Documents with versions. Reads by key and by partition are strongly consistent;
 * `due` may lag behind by seconds. A document in a newer form than `documentFormat` is refused with
 * NEWER_VERSION. Bodies are JSON of at most 380 KB. Throttling is retried inside, within a bound;
 * what still fails is thrown.
 */
export interface DocumentStore {
  get<T>(key: Key): Promise<Stored<T> | undefined>;

  /**
   * Documents of a partition whose `sort` begins with `prefix`, by `sort`. `cursor` comes from the
   * page before.
   */
  query<T>(options: {
    readonly partition: string;
    readonly prefix?: string;
    readonly limit: number;
    readonly descending?: boolean;
    readonly cursor?: string | undefined;
  }): Promise<{ readonly items: readonly Stored<T>[]; readonly cursor?: string }>;

  /**
   * Keys of documents that are due at
   * `now`, the longest overdue first within a shard; `limit` at most.
   * @param after only those that are due later than this
   */
  due(options: {
    readonly now: Instant;
    readonly limit: number;
    readonly after?: Instant;
  }): Promise<readonly (Key & { readonly dueAt: Instant })[]>;

  /**
   * All of it or nothing; 100 changes at most, no key twice. One put alone costs half of what it
   * does among others.
   * @throws {CommitConflict} when an expectation does not hold
   */
  commit(changes: readonly Change[]): Promise<void>;

  /** Deletes many documents without a transaction; those that are not there too. */
  deleteAll(keys: readonly Key[]): Promise<void>;

  /**
   * Writes many documents without a transaction, replacing what is there; for facts that are the
   * same each time.
   */
  putAll(
    documents: readonly { readonly key: Key; readonly body: object; readonly expiresAt?: Instant }[],
  ): Promise<void>;
}
