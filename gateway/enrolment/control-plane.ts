import { request } from "undici";
import type { z } from "zod";
import { errorBodySchema } from "../../core/api/answers.ts";
import { errorToldAs, VisibleError } from "../../core/api/errors.ts";
import { jsonIn } from "../../core/api/json.ts";

/** For the whole exchange; a function that starts cold takes a second or two. */
const answerMs = 30_000;
const answerBytesMax = 1024 * 1024;

export interface Asking<T> {
  readonly api: string;
  readonly path: string;
  /** An enrolment token, or a proof of the gateway's certificate. */
  readonly bearer: string;
  readonly json: object;
  /** Of what is wanted. */
  readonly answer: z.ZodType<T>;
  /**
   * Is told the control plane's time, by the `Date` of what it answers, also to what it refuses.
   */
  readonly heard?: ((date: string | undefined) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Asks the control plane for something that is made for this gateway.
 * @throws VisibleError what the control plane refused it with; LINK_BROKEN when it can't be
 *   reached, TIMEOUT after 30 s
 */
export const askControlPlane = async <T>(options: Asking<T>): Promise<T> => {
  const url = new URL(options.path, options.api);
  const limit = AbortSignal.timeout(answerMs);
  const { status, text } = await exchange(url, { ...options, signal: AbortSignal.any([options.signal, limit]) }).catch(
    (cause: unknown) => {
      options.signal.throwIfAborted();
      throw limit.aborted
        ? new VisibleError(
            "TIMEOUT",
            `The control plane at ${url.origin} did not answer within ${answerMs / 1000} s.`,
            {
              hint: "Try again.",
              cause,
            },
          )
        : new VisibleError("LINK_BROKEN", `The control plane at ${url.origin} can't be reached.`, {
            hint: "See that api in the gateway's configuration is its URL, and that this host may go there.",
            cause,
          });
    },
  );
  const json = jsonIn(text);
  if (status === 201) {
    const answer = options.answer.safeParse(json);
    if (answer.success) return answer.data;
  }
  throw refusal(url, status, json);
};

const exchange = async (
  url: URL,
  { bearer, json, heard, signal }: Pick<Asking<unknown>, "bearer" | "json" | "heard" | "signal">,
): Promise<{ readonly status: number; readonly text: string }> => {
  const { statusCode, headers, body } = await request(url, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify(json),
    signal,
  });
  heard?.(headers["date"]?.toString());
  let text = "";
  for await (const chunk of body.setEncoding("utf8")) {
    text += chunk;
    if (text.length > answerBytesMax) throw new RangeError("the answer is too long");
  }
  return { status: statusCode, text };
};

const refusal = (url: URL, status: number, json: unknown): VisibleError => {
  const parsed = errorBodySchema.safeParse(json);
  if (parsed.success) return errorToldAs(parsed.data.error);
  return new VisibleError("LINK_BROKEN", `${url.href} answered ${status}, and not as a control plane does.`, {
    hint: "See that api in the gateway's configuration is the control plane's URL.",
  });
};
