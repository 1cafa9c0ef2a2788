import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { errorBodySchema, pageOf } from "../../core/api/answers.ts";
import type { Scope } from "../../core/api/token.ts";
import { requireScope } from "./auth.ts";
import type { ApiEnv } from "./env.ts";
import { bodyOfIssues } from "./errors.ts";

/**
 * An empty app whose routes answer 400 with the issues when a request does not fit their schema.
 */
export const createRouter = () =>
  new OpenAPIHono<ApiEnv>({
    defaultHook: (result, c) => (result.success ? undefined : c.json(bodyOfIssues(result.target, result.error), 400)),
  });

/** Every route names the one scope that it takes: spread this into it. */
export const needs = (scope: Scope) => ({ middleware: requireScope(scope), security: [{ token: [scope] }] });

export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { "application/json": { schema } },
});

export const jsonAnswer = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

export const pageAnswer = <T extends z.ZodType>(item: T, description: string) => jsonAnswer(pageOf(item), description);

/** What any route may answer besides. */
export const refusals = {
  "4XX": jsonAnswer(errorBodySchema, "Refused: `code` says why, `hint` what to do."),
  "5XX": jsonAnswer(errorBodySchema, "It did not work; it may the next time."),
} as const;
