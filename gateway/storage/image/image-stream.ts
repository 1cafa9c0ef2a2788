import assert from "node:assert/strict";
import { addAbortSignal, type Readable } from "node:stream";
import { type Image, oddSize } from "./image.ts";
import { unreadable, unsupported } from "./refusals.ts";
import { endBytes, signatureOf, startBytes } from "./signature.ts";

const what = "What comes from standard input";

/**
 * A raw image that comes from a stream, which belongs to it from now on. It has to be as long as it
 * is said to be.
 * @throws IMAGE_UNREADABLE, IMAGE_UNSUPPORTED (a container, an archive: those have to be files),
 *   the signal's reason
 */
export const streamedImage = async (
  input: Readable,
  options: {
    readonly sizeBytes: number;
    readonly format?: "raw" | undefined;
    readonly signal: AbortSignal;
    readonly anyLength?: boolean | undefined;
  },
): Promise<Image> => {
  const { sizeBytes, format, signal, anyLength } = options;
  signal.throwIfAborted();
  const stream = new ByteStream(addAbortSignal(signal, input), signal);
  try {
    const odd = oddSize(sizeBytes, { anyLength });
    if (odd !== undefined) throw unreadable(`${what} ${odd}.`, { hint: "Give its size in bytes: --size BYTES" });
    const start = Buffer.alloc(Math.min(startBytes, sizeBytes));
    await stream.peek(start);
    const refuseForeign = (end: Uint8Array) => {
      const signature = format === "raw" ? undefined : signatureOf(start, end);
      if (signature === undefined) return;
      const advice = signature.kind === "refused" ? signature.advice : "Write it to a file, and import that.";
      throw unsupported(what, signature.name, advice);
    };
    refuseForeign(Buffer.alloc(0));
    let position = 0;
    let end: Buffer = Buffer.alloc(0);
    return {
      sizeBytes,
      data: [{ offset: 0, length: sizeBytes }],
      read: async (offset, into) => {
        assert(offset === position, "a stream is read in order");
        const got = await stream.read(into);
        position += got;
        if (got < into.length) {
          throw unreadable(`${what} ended at byte ${position}, and --size says ${sizeBytes}.`, { hint: sizeHint });
        }
        end = Buffer.concat([end, into.subarray(-endBytes)]).subarray(-endBytes);
      },
      finish: async () => {
        if ((await stream.read(Buffer.alloc(1))) > 0) {
          throw unreadable(`${what} goes on after the ${sizeBytes} bytes that --size says.`, { hint: sizeHint });
        }
        refuseForeign(end);
      },
      close: async () => stream.close(),
    };
  } catch (error) {
    stream.close();
    throw error;
  }
};

const sizeHint = "Nothing was imported. Give the image's size in bytes, and see why it came otherwise.";

/** Bytes of a stream in the portions that are asked for. */
class ByteStream {
  readonly #input: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal;
  #left: Uint8Array = new Uint8Array();

  constructor(input: Readable, signal: AbortSignal) {
    this.#input = input;
    this.#chunks = input[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /**
   * Fills `into`, as far as there is something. @returns how many bytes there were. @throws
   * IMAGE_UNREADABLE, the signal's reason
   */
  async read(into: Uint8Array): Promise<number> {
    let done = 0;
    while (done < into.length && (await this.#more())) {
      const part = this.#left.subarray(0, into.length - done);
      into.set(part, done);
      done += part.length;
      this.#left = this.#left.subarray(part.length);
    }
    return done;
  }

  /** `read`, of what will be read again. */
  async peek(into: Uint8Array): Promise<void> {
    const got = await this.read(into);
    this.#left = Buffer.concat([into.subarray(0, got), this.#left]);
  }

  close(): void {
    this.#input.destroy();
  }

  async #more(): Promise<boolean> {
    while (this.#left.length === 0) {
      const { done, value } = await this.#next();
      if (done) return false;
      this.#left = value;
    }
    return true;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw unreadable(`${what} cannot be read: ${error instanceof Error ? error.message : error}.`, { cause: error });
    }
  }
}
