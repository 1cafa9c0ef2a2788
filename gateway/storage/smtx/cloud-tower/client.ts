import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { type Tries, tryAgain } from "../../../../core/waiting/try-again.ts";
import { steadyTime, type Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { TowerQueries } from "./asking.ts";
import { type Ensure, ensure } from "./ensure.ts";
import { type TowerAnswer, TowerExchange, UnansweredError } from "./exchange.ts";
import { followTasks } from "./follow.ts";
import { allPages } from "./pages.ts";
import { notUnderstood, outcomeUnknown, refusalOf, type TowerAsked, unanswered } from "./refusals.ts";
import { loginRefused, type TowerAccount, TowerSession } from "./session.ts";

export interface CloudTowerOptions extends TowerAccount {
  /** `https://tower.example` */
  readonly url: string;
  /** The authority of its certificate, in PEM; those of this host unless told otherwise. */
  readonly ca?: string | undefined;
  readonly connectSeconds?: number;
  /** For one answer. */
  readonly answerSeconds?: number;
  /** How long a task may stand still. */
  readonly taskSeconds?: number;
  /** One that nobody sets. */
  readonly time?: Time;
  /** Told the date of each answer, as it is written there. */
  readonly onDate?: (date: string | undefined) => void;
  /** What no message may hold, besides the password and the token. */
  readonly secrets?: readonly string[];
}

type TriesOfIts = Pick<Tries, "triesMax" | "backoffMs">;
/** What nobody answered, and what does no harm to ask twice. */
const askAgain: TriesOfIts = { triesMax: 3, backoffMs: { first: 250, max: 4_000, jitter: 0.5 } };
/** What somebody else's task holds: half a minute in all. */
const whileBusy: TriesOfIts = { triesMax: 8, backoffMs: { first: 500, max: 6_000, jitter: 0.5 } };

/** CloudTower's REST interface, for an account. Whoever opens it closes it. */
export class CloudTower implements TowerQueries {
  readonly #options: CloudTowerOptions;
  readonly #time: Time;
  readonly #exchange: TowerExchange;
  readonly #session: TowerSession;

  private constructor(options: CloudTowerOptions) {
    const { url, ca, user, connectSeconds = 10, answerSeconds = 20, time = steadyTime } = options;
    this.#options = options;
    this.#time = time;
    this.#exchange = new TowerExchange({ url, ca, connectSeconds, answerSeconds, onDate: options.onDate });
    this.#session = new TowerSession({
      ...{ account: options, time },
      login: (body) => this.#ask("login", body, undefined, undefined),
      refusal: (answer) => loginRefused(refusalOf(answer, this.#asked("login")), { url, user }),
    });
  }

  /** Nothing is asked before it has to be. */
  static open(options: CloudTowerOptions): CloudTower {
    return new CloudTower(options);
  }

  /** Where it is, for messages. */
  get url(): string {
    return this.#options.url;
  }

  query<T>(operation: string, body: object | undefined, schema: z.ZodType<T>, call: StorageCall = {}): Promise<T> {
    const mayHelp = (error: unknown) => VisibleError.is(error, "CLUSTER_UNREACHABLE");
    return this.#tried({ ...askAgain, mayHelp }, call, () => this.#understood(operation, body, schema, call));
  }

  /**
   * All that a query finds, ordered by id, a page at a time. What is there all the while is in it,
   * whatever comes and goes meanwhile.
   * @param body `where` and the like, without a page or an order
   * @param schema of one
   * @throws what `query` does; CLUSTER_BUSY where it changes faster than it can be read
   */
  all<T extends { readonly id: string }>(
    operation: string,
    body: object,
    schema: z.ZodType<T>,
    call?: StorageCall,
  ): Promise<readonly T[]> {
    return allPages({ tower: this, operation, body, schema, ...(call !== undefined && { call }) });
  }

  /**
   * Makes a change, and waits until its tasks have ended. What somebody else's task holds is tried
   * again for a while.
   * @param schema of one datum; an answer that is one alone is a list of it
   * @returns the data as they were when it was begun: what a task settles has to be asked for
   * @throws CLUSTER_BUSY, CLUSTER_REFUSED, CLUSTER_UNREACHABLE (it was not heard), NOT_FOUND,
   *   CLUSTER_TASK_FAILED (in the cluster's own words), OutcomeUnknownError
   */
  async change<T>(
    operation: string,
    body: object,
    schema: z.ZodType<T>,
    call: StorageCall = {},
  ): Promise<readonly T[]> {
    const mayHelp = (error: unknown) =>
      VisibleError.is(error, "CLUSTER_BUSY") || (VisibleError.is(error, "CLUSTER_UNREACHABLE") && !("sent" in error));
    const begun = await this.#tried({ ...whileBusy, mayHelp }, call, () => this.#begin(operation, body, call));
    const one = z.object({ task_id: z.string().nullish(), data: schema });
    const parsed = z.union([z.array(one), one.transform((only) => [only])]).safeParse(begun);
    if (!parsed.success) throw outcomeUnknown(notUnderstood(this.#asked(operation), parsed.error));
    const ids = new Set(parsed.data.flatMap(({ task_id }) => task_id ?? []));
    const { taskSeconds = 90 } = this.#options;
    await followTasks({
      tower: this,
      asked: this.#asked(operation),
      ids: [...ids],
      time: this.#time,
      taskSeconds,
      call,
    });
    return parsed.data.map(({ data }) => data);
  }

  /** Finds what there is to be one of, or makes it: see `Ensure`. */
  ensure<T>(options: Ensure<T>, call: StorageCall = {}): Promise<T> {
    return ensure({ ...options, time: this.#time }, call);
  }

  close(): Promise<void> {
    return this.#exchange.close();
  }

  #asked(operation: string): TowerAsked {
    const { url, user, secrets = [] } = this.#options;
    return { url, user, operation, secrets: [...this.#session.secrets, ...secrets] };
  }

  /** With another try where one may help; the signal ends it at once. */
  #tried<T>(
    options: TriesOfIts & { readonly mayHelp: (error: unknown) => boolean },
    { signal }: StorageCall,
    work: () => Promise<T>,
  ): Promise<T> {
    const tries = { ...options, time: this.#time, fraction: Math.random, ...(signal !== undefined && { signal }) };
    return tryAgain(tries, async () => {
      signal?.throwIfAborted();
      return work();
    });
  }

  async #understood<T>(
    operation: string,
    body: object | undefined,
    schema: z.ZodType<T>,
    call: StorageCall,
  ): Promise<T> {
    const { signal } = call;
    const ask = (token: string) => this.#ask(operation, body, token, signal);
    const { status, json } = await this.#authorized(ask, signal);
    if (status !== 200) throw refusalOf({ status, json }, this.#asked(operation));
    const parsed = schema.safeParse(json);
    if (!parsed.success) throw notUnderstood(this.#asked(operation), json === undefined ? undefined : parsed.error);
    call.onMoved?.();
    return parsed.data;
  }

  /** The answer to a change. @throws OutcomeUnknownError where it may have been heard */
  async #begin(operation: string, body: object, call: StorageCall): Promise<unknown> {
    const { signal } = call;
    const ask = (token: string) =>
      this.#ask(operation, body, token, signal).catch((error: unknown) => {
        throw error instanceof VisibleError && wasSent(error) ? outcomeUnknown(error) : error;
      });
    const { status, json } = await this.#authorized(ask, signal);
    if (status === 200) return json;
    const refusal = refusalOf({ status, json }, this.#asked(operation));
    throw refusal.code === "CLUSTER_UNREACHABLE" ? outcomeUnknown(refusal) : refusal;
  }

  /** With a token, and once more with another one where that is over. */
  async #authorized(
    ask: (token: string) => Promise<TowerAnswer>,
    signal: AbortSignal | undefined,
  ): Promise<TowerAnswer> {
    const token = await this.#session.token(undefined, signal);
    const answer = await ask(token);
    return answer.status === 401 ? ask(await this.#session.token(token, signal)) : answer;
  }

  async #ask(
    operation: string,
    body: object | undefined,
    token: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TowerAnswer> {
    try {
      return await this.#exchange.ask({ operation, body, token, signal });
    } catch (error) {
      throw error instanceof UnansweredError ? unanswered(error, this.#asked(operation)) : error;
    }
  }
}

const wasSent = ({ cause }: VisibleError): boolean => cause instanceof UnansweredError && cause.wasSent;
