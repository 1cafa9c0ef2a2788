import type { Duplex } from "node:stream";
import { ConnectionEnded } from "./incoming.ts";

/** What goes to a client: an answer begins when the kernel has taken the one before. */
export class Outgoing {
  readonly #stream: Duplex;
  #last: Promise<void> = Promise.resolve();

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /**
   * Sends what belongs together. The bytes may be used again when this resolves.
   * @throws ConnectionEnded
   */
  send(...parts: readonly Uint8Array[]): Promise<void> {
    return this.alone(() => this.#write(parts));
  }

  /** Lets `work` send in pieces, and nobody else meanwhile. @throws what it throws */
  alone(work: (send: (...parts: readonly Uint8Array[]) => Promise<void>) => Promise<void>): Promise<void> {
    const done = this.#last.then(() => work((...parts) => this.#write(parts)));
    this.#last = done.catch(() => undefined);
    return done;
  }

  #write(parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const written = (error: Error | null | undefined) => {
        if (error) reject(new ConnectionEnded(error));
        else resolve();
      };
      this.#stream.cork();
      for (const [index, part] of parts.entries()) {
        if (index < parts.length - 1) this.#stream.write(part);
        else this.#stream.write(part, written);
      }
      this.#stream.uncork();
    });
  }
}
