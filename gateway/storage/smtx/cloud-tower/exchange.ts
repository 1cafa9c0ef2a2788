import { Agent } from "undici";
import { jsonIn } from "../../../../core/api/json.ts";

/** Much more than a page of anything that is asked for. */
const answerBytesMax = 32 * 1024 * 1024;
const connectionsMax = 8;

export interface TowerRequest {
  /** `get-vms` */
  readonly operation: string;
  /** What is sent, by POST; without it, it is a GET. */
  readonly body: unknown;
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface TowerAnswer {
  readonly status: number;
  /** Undefined where it is no JSON. */
  readonly json: unknown;
}

/** Nothing came that is an answer. */
export class UnansweredError extends Error {
  /** Whether it may have been heard, though. */
  readonly wasSent: boolean;
  /** Whether somebody answered there who is not trusted to be it. */
  readonly isUntrusted: boolean;

  constructor(why: string, cause: unknown) {
    super(why, { cause });
    this.name = "UnansweredError";
    const code = codeOf(cause);
    this.isUntrusted = untrusted.test(code);
    this.wasSent = !this.isUntrusted && !beforeSending.has(code);
  }
}

/** The connection was never there. */
const beforeSending = new Set(
  "ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH UND_ERR_CONNECT_TIMEOUT ERR_SSL_WRONG_VERSION_NUMBER".split(
    " ",
  ),
);
const untrusted = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/;

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

export interface TowerExchangeOptions {
  readonly url: string;
  /** In PEM. */
  readonly ca: string | undefined;
  readonly connectSeconds: number;
  /** For the whole of an answer, from when it was asked for. */
  readonly answerSeconds: number;
  /** Told the date of each answer. */
  readonly onDate?: ((date: string | undefined) => void) | undefined;
}

/** Asks CloudTower one thing at a time over a connection, over a few connections at most. */
export class TowerExchange {
  readonly #options: TowerExchangeOptions;
  readonly #agent: Agent;

  constructor(options: TowerExchangeOptions) {
    this.#options = options;
    const { ca, connectSeconds, answerSeconds } = options;
    const timeout = answerSeconds * 1000;
    this.#agent = new Agent({
      connect: { timeout: connectSeconds * 1000, ...(ca !== undefined && { ca }) },
      ...{ connections: connectionsMax, pipelining: 1, headersTimeout: timeout, bodyTimeout: timeout },
    });
  }

  /** @throws UnansweredError, the signal's reason */
  async ask({ operation, body, token, signal }: TowerRequest): Promise<TowerAnswer> {
    signal?.throwIfAborted();
    const { url, answerSeconds, onDate } = this.#options;
    const limit = AbortSignal.timeout(answerSeconds * 1000);
    try {
      const answer = await this.#agent.request({
        origin: new URL(url).origin,
        path: `/v2/api/${operation}`,
        method: body === undefined ? "GET" : "POST",
        headers: {
          "content-language": "en-US",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(token !== undefined && { authorization: token }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      onDate?.(answer.headers["date"]?.toString());
      return { status: answer.statusCode, json: jsonIn(await textOf(answer.body)) };
    } catch (cause) {
      signal?.throwIfAborted();
      throw new UnansweredError(limit.aborted ? `nothing came within ${answerSeconds} s` : reasonOf(cause), cause);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** @throws RangeError where it is too long; what is left of it is not read */
const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new RangeError(`the answer has more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.message === "" ? codeOf(error) || error.name : error.message;
};
