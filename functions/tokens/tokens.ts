import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { type Scope, type Token, tokenSchema } from "../../core/api/token.ts";
import { instantText } from "../../core/object/instant-text.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { readRange } from "../documents/ranges.ts";
import { tokenKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { newSecret, readSecret } from "./secret.ts";

const prefix = "smtxb";

type Store = Pick<Deps, "store">;
type StoreAndClock = Pick<Deps, "store" | "clock">;

/**
 * Makes a bearer token, and stores the hash of its secret. What comes back as `token` is shown once
 * and can't be had again.
 *
 * @param random bytes from a source fit for secrets
 * @throws {VisibleError} BAD_REQUEST when `expiresAt` has passed already
 */
export const createToken = async (
  deps: StoreAndClock,
  options: { readonly name: string; readonly scopes: readonly Scope[]; readonly expiresAt?: Instant },
  random?: (bytes: number) => Uint8Array,
): Promise<{ readonly token: string; readonly record: Token }> => {
  const { name, scopes, expiresAt } = options;
  const now = deps.clock.now();
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new VisibleError(
      "BAD_REQUEST",
      `The token would have expired at ${instantText(expiresAt)}, and now it is ${instantText(now)}.`,
      {
        hint: "Choose a later expiresAt, or leave it out.",
      },
    );
  }
  const { text, id, sha256 } = newSecret(prefix, random);
  const expiry = expiresAt === undefined ? {} : { expiresAt };
  const record: Token = { id, name, scopes: [...new Set(scopes)], createdAt: now, ...expiry };
  await deps.store.commit([{ type: "put", key: tokenKey(sha256), body: record, expect: "absent", ...expiry }]);
  return { token: text, record };
};

/**
 * Whose token it is.
 * @throws {VisibleError} UNAUTHENTICATED when it was never given, was revoked or has expired
 */
export const authenticate = async (deps: StoreAndClock, token: string): Promise<Token> => {
  const secret = readSecret(prefix, token);
  const stored = secret === undefined ? undefined : await deps.store.get<Token>(tokenKey(secret.sha256));
  if (stored === undefined || stored.body.id !== secret?.id) {
    throw new VisibleError("UNAUTHENTICATED", "The token is not one of this installation, or it was revoked.", {
      hint: "Ask somebody with an admin token for a new one.",
    });
  }
  const { expiresAt } = stored.body;
  if (expiresAt !== undefined && expiresAt <= deps.clock.now()) {
    throw new VisibleError("UNAUTHENTICATED", `The token expired at ${instantText(expiresAt)}.`, {
      hint: "Ask somebody with an admin token for a new one.",
    });
  }
  return stored.body;
};

/** A page of the tokens, in no particular order. */
export const listTokens = async (deps: Pick<Deps, "store" | "log">, page: PageRequest): Promise<Page<Token>> =>
  readPage(deps, tokenSchema, tokenKey(""), page);

/**
 * From now on the token is refused.
 * @throws {VisibleError} NOT_FOUND when there is no token with this id
 */
export const revokeToken = async ({ store }: Store, id: string): Promise<void> => {
  for await (const { key, body } of readRange<Token>({ store }, tokenKey(""))) {
    if (body.id === id) return store.commit([{ type: "delete", key, expect: "any" }]);
  }
  throw new VisibleError("NOT_FOUND", `There is no token with the id ${id}.`, {
    hint: "List those that are left with: smtx-backup token list",
  });
};
