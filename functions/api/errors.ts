import type { ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import { type ErrorBody, issuesMax } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { visibleFailure } from "../../core/api/failure.ts";
import { plainIssues } from "../../core/api/issues.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { nonceHeader } from "../../pki/proof.ts";
import { NonceNeeded } from "../enrolment/nonce.ts";
import type { Log } from "../ports/deps.ts";
import type { ApiEnv } from "./env.ts";
import { methodsAt } from "./methods.ts";

const bodyOf = ({ code, message, hint }: VisibleError): ErrorBody => ({
  error: { code, message, ...(hint === undefined ? {} : { hint }) },
});

/**
 * Every failure as `{ error: { code, message, hint } }`. What is no VisibleError is
 * logged and not shown.
 */
export const answerError =
  (log: Log): ErrorHandler<ApiEnv> =>
  (error, c) => {
    const requestId = c.get("requestId");
    const refusal = refusalOf(error);
    if (refusal === undefined) {
      const { method, path } = c.req;
      log.failed({ requestId, method, path, err: error }, "a request failed");
    }
    const shown = refusal ?? visibleFailure(error, "the control plane") ?? defect(requestId);
    if (shown.code === "UNAUTHENTICATED") c.header("WWW-Authenticate", "Bearer");
    if (shown instanceof NonceNeeded) {
      c.header("WWW-Authenticate", 'Bearer error="use_nonce"');
      c.header(nonceHeader, shown.nonce);
    }
    return c.json(bodyOf(shown), shown.status as ContentfulStatusCode);
  };

const defect = (requestId: string) =>
  new VisibleError("INTERNAL", "Something went wrong here, and it is not your request's fault.", {
    hint: `Try again; if it stays, look for the request id ${requestId} in the log.`,
  });

/** Nothing is wrong here: it is what somebody asked for. */
const refusalOf = (error: Error): VisibleError | undefined => {
  if (error instanceof VisibleError) return error;
  if (error instanceof CommitConflict) {
    return new VisibleError("CONFLICT", "Somebody else changed the same thing at the same time.", {
      hint: "Look at it again, then try again.",
      cause: error,
    });
  }
  // What the framework itself refuses: JSON that is none, or a body of another type.
  if (error instanceof HTTPException && error.status < 500) {
    const hint = "Send JSON with the header content-type: application/json";
    return new VisibleError("BAD_REQUEST", `The request can't be read: ${error.message}.`, { hint, cause: error });
  }
  return undefined;
};

/**
 * Paths that there are none of; and where there is one, the methods that it has (RFC 9110, 15.5.6).
 */
export const answerNotFound =
  (app: Parameters<typeof methodsAt>[0]): NotFoundHandler<ApiEnv> =>
  (c) => {
    const { method, path } = c.req;
    const allowed = methodsAt(app, path).join(", ");
    const code = allowed === "" ? "NOT_FOUND" : "METHOD_NOT_ALLOWED";
    const hint = "GET /openapi.json lists what there is.";
    if (allowed !== "") c.header("Allow", allowed);
    const refusal = new VisibleError(code, `There is no ${method} ${path}.`, {
      hint: allowed === "" ? hint : `It has ${allowed}. ${hint}`,
    });
    return c.json(bodyOf(refusal), refusal.status as ContentfulStatusCode);
  };

/** So many issues are named in the sentence; the list has all of them. */
const issuesNamedMax = 5;

const placeNames: Record<string, string> = { json: "body", param: "path", query: "query", header: "headers" };

/** The answer to a request that its schema refuses: which field is wrong, and how. */
export const bodyOfIssues = (target: string, { issues }: z.ZodError): ErrorBody => {
  const named = [...plainIssues(issues)];
  const said = named
    .slice(0, issuesNamedMax)
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  const more = named.length > said.length ? `; and ${named.length - said.length} more` : "";
  return {
    error: {
      code: "BAD_REQUEST",
      message: `The ${placeNames[target] ?? target} of the request is not right: ${said.join("; ")}${more}.`,
      hint: "GET /openapi.json says what each field may be.",
      issues: named.slice(0, issuesMax),
    },
  };
};
