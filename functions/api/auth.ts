import type { HonoRequest } from "hono";
import { createMiddleware } from "hono/factory";
import { VisibleError } from "../../core/api/errors.ts";
import type { Scope } from "../../core/api/token.ts";
import { authenticate } from "../tokens/tokens.ts";
import type { ApiDeps, ApiEnv } from "./env.ts";

/**
 * The bearer token of a request (RFC 6750). @throws {VisibleError} UNAUTHENTICATED when it has none
 */
export const bearerOf = (request: Pick<HonoRequest, "header">): string => {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.header("authorization") ?? "") ?? [];
  if (token !== undefined) return token;
  throw new VisibleError("UNAUTHENTICATED", "The request has no token.", {
    hint: "Send the header authorization: Bearer smtxb_…",
  });
};

/**
 * Lets nobody through without a token, whatever the path or the method.
 * @throws {VisibleError} UNAUTHENTICATED
 */
export const requireToken = (deps: Pick<ApiDeps, "store" | "clock">) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    c.set("token", await authenticate(deps, bearerOf(c.req)));
    await next();
  });

/** Lets only tokens with the scope through. @throws {VisibleError} FORBIDDEN */
export const requireScope = (scope: Scope) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const { name, scopes } = c.get("token");
    c.set("scope", scope);
    if (!scopes.includes(scope)) {
      throw new VisibleError("FORBIDDEN", `The token “${name}” may not do this: it lacks the scope ${scope}.`, {
        hint: `Use a token with the scope ${scope}.`,
      });
    }
    await next();
  });
