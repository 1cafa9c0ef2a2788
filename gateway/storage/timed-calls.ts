import { VisibleError } from "../../core/api/errors.ts";
import { type Watch, whileMoving } from "../time/standstill.ts";
import type { Time } from "../time/time.ts";
import type { StorageCall } from "./call.ts";

/** How long a call may stand still: several times what a cluster takes that is slow. */
export const storageTimeouts = {
  /** What looks something up, or changes a few records. */
  answerSeconds: 60,
  /** What makes data durable or gives back space: a disk may have a queue of both. */
  durableSeconds: 120,
} as const;

type Work<T> = (watch: Watch) => Promise<T>;

/**
 * Makes calls to a storage, each within its timeout, for somebody who may call them off and wants
 * to hear when they move.
 */
export class TimedCalls {
  readonly #user: { readonly time: Time } & StorageCall;

  constructor(user: { readonly time: Time } & StorageCall) {
    this.#user = user;
  }

  answer<T>(name: string, call: StorageCall | undefined, work: Work<T>): Promise<T> {
    return this.make({ name, seconds: storageTimeouts.answerSeconds, call, onAbandoned: ignore }, work);
  }

  durable<T>(name: string, call: StorageCall | undefined, work: Work<T>): Promise<T> {
    return this.make({ name, seconds: storageTimeouts.durableSeconds, call, onAbandoned: ignore }, work);
  }

  /**
   * What is opened when nobody waits for it any more is closed: it would hold a volume for ever.
   */
  async open<T extends object, Opened>(
    name: string,
    call: StorageCall | undefined,
    options: {
      readonly open: Work<T>;
      readonly wrap: (opened: T, calls: HandleCalls) => Opened;
      readonly close: (opened: T) => Promise<void>;
    },
  ): Promise<Opened> {
    const onAbandoned = (late: Promise<T>) => ignore(late.then(options.close));
    const seconds = storageTimeouts.answerSeconds;
    const opened = await this.make({ name, seconds, call, onAbandoned }, options.open);
    return options.wrap(opened, new HandleCalls(this));
  }

  /**
   * Nobody calls it off: what is open has to be closed, most of all after something was called off.
   */
  close(name: string, call: StorageCall | undefined, work: Work<void>): Promise<void> {
    const { time, onMoved } = this.#user;
    const closing = new TimedCalls({ time, ...(onMoved !== undefined && { onMoved }) });
    return closing.durable(name, call?.onMoved && { onMoved: call.onMoved }, work);
  }

  make<T>(
    options: {
      readonly name: string;
      readonly seconds: number;
      readonly call: StorageCall | undefined;
      readonly onAbandoned: (work: Promise<T>) => void;
    },
    work: Work<T>,
  ): Promise<T> {
    const { name, seconds, call, onAbandoned } = options;
    const { time, signal, onMoved } = this.#user;
    return whileMoving(
      {
        seconds,
        time,
        signal: eitherOf(signal, call?.signal),
        onMoved: () => {
          onMoved?.();
          call?.onMoved?.();
        },
        late: () => tooLong(name, seconds),
        onAbandoned,
      },
      work,
    );
  }
}

/**
 * The same for something that was opened. Whoever uses it makes one call after the other, and so it
 * stays here.
 */
export class HandleCalls {
  readonly #calls: TimedCalls;
  /** A call that nobody waits for any more, and that may still be at work. */
  #abandoned: Promise<unknown> | undefined;
  #stuckIn: string | undefined;

  constructor(calls: TimedCalls) {
    this.#calls = calls;
  }

  answer<T>(name: string, call: StorageCall | undefined, work: Work<T>): Promise<T> {
    return this.#make(name, storageTimeouts.answerSeconds, call, work);
  }

  durable<T>(name: string, call: StorageCall | undefined, work: Work<T>): Promise<T> {
    return this.#make(name, storageTimeouts.durableSeconds, call, work);
  }

  /**
   * Closes it after what is still at work. Where that hangs nobody waits, neither for it nor for
   * the closing.
   */
  async close(name: string, call: StorageCall | undefined, work: Work<void>): Promise<void> {
    const abandoned = this.#abandoned;
    const closing = this.#calls.close(name, call, async (watch) => {
      await abandoned;
      await work(watch);
    });
    if (this.#stuckIn === undefined) await closing;
    else ignore(closing);
  }

  async #make<T>(name: string, seconds: number, call: StorageCall | undefined, work: Work<T>): Promise<T> {
    if (this.#stuckIn !== undefined) throw tooLong(this.#stuckIn, seconds);
    const onAbandoned = (abandoned: Promise<T>) => {
      this.#abandoned = Promise.allSettled([this.#abandoned, abandoned]);
    };
    try {
      return await this.#calls.make({ name, seconds, call, onAbandoned }, work);
    } catch (error) {
      if (VisibleError.is(error, "TIMEOUT")) this.#stuckIn = name;
      throw error;
    }
  }
}

const ignore = (work: Promise<unknown>): void => {
  work.catch(() => undefined);
};

const eitherOf = (a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined =>
  a !== undefined && b !== undefined && a !== b ? AbortSignal.any([a, b]) : (a ?? b);

const tooLong = (name: string, seconds: number): VisibleError =>
  new VisibleError("TIMEOUT", `The storage did not answer the call ${name} within ${seconds} s.`, {
    hint: "It will be tried again. If it goes on, see whether the cluster, or the disk that the storage is on, answers.",
  });
