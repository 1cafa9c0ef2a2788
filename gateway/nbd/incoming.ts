import type { Duplex } from "node:stream";

/** The client has gone, or is to go: nothing more comes from it, or goes to it. */
export class ConnectionEnded extends Error {
  constructor(cause?: unknown) {
    super("the connection has ended", { cause });
  }
}

const events = ["readable", "end", "close", "error"] as const;

/** What a client sends, as it is asked for; the rest stays with the kernel. */
export class Incoming {
  readonly #stream: Duplex;
  #isStopped = false;
  #wake: () => void = () => undefined;
  readonly #onEvent = () => this.#wake();

  constructor(stream: Duplex) {
    this.#stream = stream;
    for (const event of events) stream.on(event, this.#onEvent);
  }

  /**
   * The next `length` bytes, which should be few: they are buffered.
   * @throws ConnectionEnded when there are fewer
   */
  async read(length: number): Promise<Buffer> {
    while (length > 0) {
      if (this.#isStopped) throw new ConnectionEnded();
      const bytes: Buffer | null = this.#stream.read(length);
      if (bytes?.length === length) return bytes;
      if (bytes !== null || this.#stream.readableEnded || this.#stream.destroyed) throw new ConnectionEnded();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return Buffer.alloc(0);
  }

  /** Passes over so many bytes. @throws ConnectionEnded */
  async skip(length: number): Promise<void> {
    const atOnceBytes = 64 * 1024;
    for (let left = length; left > 0; left -= atOnceBytes) await this.read(Math.min(left, atOnceBytes));
  }

  /** Nothing more is read: whoever reads, or will, is told that it has ended. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** Lets go of the stream, for another to read it. */
  release(): Duplex {
    for (const event of events) this.#stream.off(event, this.#onEvent);
    this.stop();
    return this.#stream;
  }
}
