import { request } from "undici";
import type { z } from "zod";
import { errorBodySchema } from "../../core/api/answers.ts";
import { errorCodes, errorToldAs, VisibleError } from "../../core/api/errors.ts";
import { jsonIn } from "../../core/api/json.ts";
import type { RequestToProve } from "../../pki/proof.ts";
import { nonceHeader } from "../../pki/proof.ts";

/** For the whole exchange; a function that starts cold takes a second or two. */
const answerMs = 30_000;
const answerBytesMax = 1024 * 1024;
/** The first brings a nonce. One more is for another process that used a later nonce meanwhile. */
const triesMax = 4;

export interface Asking<T> {
  readonly api: string;
  readonly path: string;
  /** An enrolment token, or a proof of the gateway's certificate that is made for the request. */
  readonly bearer: (request: RequestToProve) => string | Promise<string>;
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
  const { status, json } = await converse(url, { ...options, signal: AbortSignal.any([options.signal, limit]) }).catch(
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
  if (status === 201) {
    const answer = options.answer.safeParse(json);
    if (answer.success) return answer.data;
  }
  throw refusal(url, status, json);
};

type Sent = Pick<Asking<unknown>, "bearer" | "json" | "heard" | "signal">;
interface Answer {
  readonly status: number;
  readonly json: unknown;
  /** For the next try, when this one was refused for want of it. */
  readonly nonce: string | undefined;
}

/** Asks again with the nonce that the control plane gives. */
const converse = async (url: URL, sent: Sent): Promise<Answer> => {
  let answer = await exchange(url, sent, undefined);
  for (let tries = 1; tries < triesMax && answer.nonce !== undefined; tries += 1) {
    answer = await exchange(url, sent, answer.nonce);
  }
  return answer;
};

const exchange = async (
  url: URL,
  { bearer, json, heard, signal }: Sent,
  nonce: string | undefined,
): Promise<Answer> => {
  const [method, text] = ["POST" as const, JSON.stringify(json)];
  const authorization = `Bearer ${await bearer({ url, method, body: text, nonce })}`;
  const { statusCode, headers, body } = await request(url, {
    ...{ method, body: text, signal },
    headers: { authorization, "content-type": "application/json" },
  });
  heard?.(headers["date"]?.toString());
  let answered = "";
  for await (const chunk of body.setEncoding("utf8")) {
    answered += chunk;
    if (answered.length > answerBytesMax) throw new RangeError("the answer is too long");
  }
  const isNonceWanted = statusCode === errorCodes.USE_NONCE.status;
  return {
    ...{ status: statusCode, json: jsonIn(answered) },
    nonce: isNonceWanted ? headers[nonceHeader]?.toString() : undefined,
  };
};

const refusal = (url: URL, status: number, json: unknown): VisibleError => {
  const parsed = errorBodySchema.safeParse(json);
  if (parsed.success) return errorToldAs(parsed.data.error);
  return new VisibleError("LINK_BROKEN", `${url.href} answered ${status}, and not as a control plane does.`, {
    hint: "See that api in the gateway's configuration is the control plane's URL.",
  });
};
