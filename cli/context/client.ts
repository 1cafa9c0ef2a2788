import { hc, parseResponse } from "hono/client";

import { errorBodySchema } from "../../core/api/answers.ts";
import { errorToldAs, VisibleError } from "../../core/api/errors.ts";
import { jsonIn } from "../../core/api/json.ts";
import type { App } from "../../functions/api/app.ts";

export interface ClientOptions {
  /** Where the API is: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** `smtxb_<id>_<secret>`. It is sent to `url` and nowhere else. */
  readonly token: string;
  /** For one request from its first byte to the last of its answer. */
  readonly timeoutSeconds?: number;
  /** Ends what is under way. */
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
}

/**
 * A client whose methods are the API's paths, with the types of its routes. What the API refuses is
 * thrown as the VisibleError that it was there; a link that does not work as LINK_BROKEN, one that
 * is too slow as TIMEOUT.
 *
 * @example const api = createClient({ url, token }); const { items } = await
 * answerOf(api.v1.plans[":plan"].runs.$get({ param: { plan: "nightly" }, query: {} }));
 */
export const createClient = ({ url, token, timeoutSeconds = 30, signal, fetch: send = fetch }: ClientOptions) =>
  hc<App>(url, {
    headers: { authorization: `Bearer ${token}` },
    fetch: async (input: string | URL | Request, init?: RequestInit) => {
      const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
      const limit = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
      try {
        // The token must not follow a redirect to somebody else, and the API never redirects.
        const answer = await send(input, { ...init, signal: limit, redirect: "error" });
        return await checked(answer);
      } catch (error) {
        if (error instanceof VisibleError || signal?.aborted) throw error;
        throw timeout.aborted ? tooSlow(url, timeoutSeconds, error) : unreachable(url, error);
      }
    },
  });

/** The body of an answer, with its type; undefined for an answer that has none. */
export const answerOf = parseResponse;

/** The answer with its body read to the end, within the time limit. */
const checked = async (answer: Response): Promise<Response> => {
  const body = await answer.text();
  if (!answer.ok) throw refusalOf(answer.status, body);
  return new Response(answer.status === 204 ? null : body, { status: answer.status, headers: answer.headers });
};

const refusalOf = (status: number, body: string): VisibleError => {
  const { error } = errorBodySchema.safeParse(jsonIn(body)).data ?? {};
  if (error === undefined) {
    return new VisibleError("INTERNAL", `The API answered with the status ${status} and no reason.`, {
      hint: "Check that the URL is the API's, and no proxy's in between.",
    });
  }
  return errorToldAs(error);
};

const tooSlow = (url: string, seconds: number, cause: unknown) =>
  new VisibleError("TIMEOUT", `The API at ${url} did not answer within ${seconds} seconds.`, {
    hint: "What was asked for may have been done all the same; look before you ask again.",
    cause,
  });

const unreachable = (url: string, cause: unknown) =>
  new VisibleError("LINK_BROKEN", `The API at ${url} can't be reached: ${innermost(cause)}.`, {
    hint: "Check the URL, and that the API is running there.",
    cause,
  });

/** fetch says no more than “fetch failed”; the reason lies in its causes. */
const innermost = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? innermost(error.cause) : error.message || error.name;
};
