import { unlessAborted } from "../../../time/unless-aborted.ts";

/** One does its work after the other, in the order in which they came. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** @throws what `work` throws, the signal's reason when it is aborted before `work` begins */
  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = before.then(() => done.promise);
    try {
      await unlessAborted(signal, before);
      signal?.throwIfAborted();
      return await work();
    } finally {
      done.resolve();
    }
  }
}
