import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Time } from "../../../time/time.ts";
import { unlessAborted } from "../../../time/unless-aborted.ts";
import type { TowerAnswer } from "./exchange.ts";

export interface TowerAccount {
  readonly user: string;
  readonly password: string;
  readonly source: "local" | "ldap";
}

const loginSchema = z.object({ data: z.object({ token: z.string().min(1) }) });

/** What was refused is not tried again at once: a directory locks an account that fails often. */
const refusedMs = 30_000;

/**
 * The token that an account has. Whoever needs one while it is being asked for waits for the same.
 */
export class TowerSession {
  readonly #account: TowerAccount;
  readonly #time: Time;
  readonly #login: (body: object) => Promise<TowerAnswer>;
  readonly #refusal: (answer: TowerAnswer) => VisibleError;
  #token: string | undefined;
  #pending: Promise<string> | undefined;
  #refused: { readonly error: VisibleError; readonly untilMs: number } | undefined;

  /** @param options.login asks, with a limit of its own */
  constructor(options: {
    readonly account: TowerAccount;
    readonly time: Time;
    readonly login: (body: object) => Promise<TowerAnswer>;
    readonly refusal: (answer: TowerAnswer) => VisibleError;
  }) {
    this.#account = options.account;
    this.#time = options.time;
    this.#login = options.login;
    this.#refusal = options.refusal;
  }

  /** What no message may hold. */
  get secrets(): readonly string[] {
    return [this.#account.password, ...(this.#token === undefined ? [] : [this.#token])];
  }

  /**
   * @param refused a token that was refused: another one is wanted
   * @throws CLUSTER_REFUSED, what `login` throws, the signal's reason
   */
  token(refused: string | undefined, signal: AbortSignal | undefined): Promise<string> {
    if (this.#token !== undefined && this.#token !== refused) return Promise.resolve(this.#token);
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = undefined;
    });
    return unlessAborted(signal, this.#pending);
  }

  async #ask(): Promise<string> {
    if (this.#refused !== undefined && this.#time.nowMs() < this.#refused.untilMs) throw this.#refused.error;
    const { user: username, password, source } = this.#account;
    const answer = await this.#login({ username, password, source: source.toUpperCase() });
    const { data } = loginSchema.safeParse(answer.json);
    if (answer.status !== 200 || data === undefined) throw this.#remember(this.#refusal(answer));
    this.#token = data.data.token;
    this.#refused = undefined;
    return this.#token;
  }

  #remember(error: VisibleError): VisibleError {
    if (error.code === "CLUSTER_REFUSED") this.#refused = { error, untilMs: this.#time.nowMs() + refusedMs };
    return error;
  }
}

/** What it means that an account gets no token. */
export const loginRefused = (refusal: VisibleError, { url, user }: { readonly url: string; readonly user: string }) => {
  if (refusal.retryable) return refusal;
  return new VisibleError("CLUSTER_REFUSED", `CloudTower at ${url} does not let “${user}” in.`, {
    hint: "See that storage.tower.user, source and passwordFile are those of an account that is not locked.",
    cause: refusal,
  });
};
