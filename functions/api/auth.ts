import { createMiddleware } from "hono/factory";
import { VisibleError } from "../../core/api/errors.ts";
import type { Scope } from "../../core/api/token.ts";
import { authenticate } from "../tokens.ts";
import type { ApiDeps, ApiEnv } from "./env.ts";

/** Lets nobody through without a token, whatever the path or the method. @throws {VisibleError} UNAUTHENTICATED */
export const requireToken = (deps: Pick<ApiDeps, "store" | "clock">) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
    if (token === undefined) {
      throw new VisibleError("UNAUTHENTICATED", "The request has no token.", {
        hint: "Send the header authorization: Bearer smtxb_…",
      });
    }
    c.set("token", await authenticate(deps, token));
    await next();
  });

/** Lets only tokens with the scope through. @throws {VisibleError} FORBIDDEN */
export const requireScope = (scope: Scope) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const { name, scopes } = c.get("token");
    if (!scopes.includes(scope)) {
      throw new VisibleError("FORBIDDEN", `The token “${name}” may not do this: it lacks the scope ${scope}.`, {
        hint: `Use a token with the scope ${scope}.`,
      });
    }
    await next();
  });
