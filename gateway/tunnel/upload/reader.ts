import type { Duplex } from "node:stream";
import { VisibleError } from "../../../core/api/errors.ts";
import { chunkBytes, giveChunkBuffer, takeChunkBuffer } from "./chunk-buffers.ts";
import { lengthBytes, pathBytesMax } from "./protocol.ts";

/**
 * A record of so much ends a chunk: it is one of the sender's, which ends where a frame does, and
 * whoever gets it whole has no frame to put together. Smaller ones are gathered.
 */
const largeBytes = chunkBytes / 2;
/**
 * So many chunks may wait to be taken: the next one comes while whoever has asked gets to take one.
 */
const fullMax = 2;
const events = ["end", "error", "close"] as const;

/**
 * What a sender says over an upload connection (protocol.ts). Reads when it is asked for more, and
 * then two chunks at the most, which is what holds the sender back; what comes behind a path or an
 * upload's end stays in the socket until somebody wants it. A connection that says what it may not
 * is destroyed.
 */
export class UploadReader {
  readonly #socket: Duplex;
  readonly #length = Buffer.alloc(lengthBytes);
  #lengthFilled = 0;
  /** Of the record that is coming, what is still to come. */
  #missing = 0;
  /** Whether it is a chunk of the sender's. */
  #isLarge = false;
  /** The path as far as it has come; undefined once it has, and until the next upload begins. */
  #path: Buffer[] | undefined;
  #isComplete = true;
  readonly #full: Uint8Array[] = [];
  #gathered: Buffer | undefined;
  #filled = 0;
  #bytesRead = 0;
  #changed = Promise.withResolvers<void>();
  #isAwaited = false;
  /** Whether nobody wants what is left: then no buffer is taken for it. */
  #isSkipped = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.pause();
    socket.on("data", (piece: Buffer) => this.#onData(piece));
    for (const event of events) socket.on(event, () => this.#wake());
  }

  /** All that has come, whatever it is. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Whether the upload has come to its end. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether somebody waits for more to come. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** Waits for the next upload. @returns its path, or undefined when the connection is over */
  async next(): Promise<string | undefined> {
    // Of the one before, what had come and nobody wanted.
    for (const { buffer } of this.#full.splice(0)) giveChunkBuffer(buffer as ArrayBuffer);
    const path: Buffer[] = [];
    this.#path = path;
    this.#isComplete = false;
    this.#isSkipped = false;
    while (this.#path === path) {
      if (this.#isOver) return undefined;
      await this.#more();
    }
    return Buffer.concat(path).toString();
  }

  /**
   * The body of the upload in chunks that are the consumer's own, buffer and all: the small pieces
   * that the network brings, put together. Ends at once when the signal is aborted.
   * @throws LINK_BROKEN when the connection ends before the body, the signal's reason
   */
  async *body(signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    try {
      for (;;) {
        signal.throwIfAborted();
        const chunk = this.#full.shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#isComplete) return;
        else if (this.#isOver) throw broken(this.#socket.errored);
        else await this.#more();
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  /** Reads what is left of the upload to nowhere. @throws as `body` */
  async skip(signal: AbortSignal): Promise<void> {
    this.#isSkipped = true;
    this.#giveGathered();
    for await (const chunk of this.body(signal)) giveChunkBuffer(chunk.buffer as ArrayBuffer);
  }

  get #isOver(): boolean {
    return this.#socket.readableEnded || this.#socket.destroyed;
  }

  async #more(): Promise<void> {
    this.#socket.resume();
    this.#isAwaited = true;
    await this.#changed.promise;
    this.#isAwaited = false;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #onData(piece: Buffer): void {
    const before = this.#full.length;
    let at = 0;
    let isStep = false;
    while (at < piece.length && !isStep && !this.#socket.destroyed) {
      if (this.#missing === 0) at += this.#takeLength(piece, at);
      else if (this.#path !== undefined) {
        at += this.#takePath(piece, at, this.#path);
        isStep = this.#path === undefined;
      } else at += this.#gather(piece, at);
      isStep ||= this.#isComplete;
    }
    this.#bytesRead += at;
    if (isStep || this.#full.length >= fullMax) this.#socket.pause();
    if (at < piece.length && !this.#socket.destroyed) this.#socket.unshift(Buffer.from(piece.subarray(at)));
    release(piece);
    if (isStep || this.#full.length > before) this.#wake();
  }

  #takeLength(piece: Buffer, at: number): number {
    const taken = piece.copy(this.#length, this.#lengthFilled, at);
    this.#lengthFilled += taken;
    if (this.#lengthFilled < lengthBytes) return taken;
    this.#lengthFilled = 0;
    this.#missing = this.#length.readUInt32LE();
    if (this.#path !== undefined) {
      if (this.#missing === 0 || this.#missing > pathBytesMax) this.#refuse(`a path of ${this.#missing} bytes`);
    } else if (this.#missing === 0) {
      this.#isComplete = true;
      this.#giveGathered();
    }
    this.#isLarge = this.#missing >= largeBytes && this.#missing <= chunkBytes;
    return taken;
  }

  #takePath(piece: Buffer, at: number, path: Buffer[]): number {
    const part = Buffer.from(piece.subarray(at, at + this.#missing));
    path.push(part);
    this.#missing -= part.length;
    if (this.#missing === 0) this.#path = undefined;
    return part.length;
  }

  #gather(piece: Buffer, at: number): number {
    if (this.#isSkipped) {
      const skipped = Math.min(piece.length - at, this.#missing);
      this.#missing -= skipped;
      return skipped;
    }
    this.#gathered ??= takeChunkBuffer();
    const end = Math.min(piece.length, at + this.#missing);
    const taken = piece.copy(this.#gathered, this.#filled, at, end);
    this.#missing -= taken;
    this.#filled += taken;
    if (this.#filled === chunkBytes || (this.#missing === 0 && this.#isLarge)) this.#giveGathered();
    return taken;
  }

  #giveGathered(): void {
    if (this.#gathered === undefined) return;
    this.#full.push(this.#gathered.subarray(0, this.#filled));
    this.#gathered = undefined;
    this.#filled = 0;
  }

  #refuse(what: string): void {
    this.#socket.destroy(new Error(`the peer breaks the upload protocol: ${what}`));
  }
}

/**
 * Gives a piece's memory back at once. Thousands of them would wait for the collector, outside its
 * heap, and make it collect all of that heap each time they come to 64 MB.
 */
const release = ({ buffer, byteLength }: Buffer): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
};

const broken = (cause: Error | null): VisibleError =>
  new VisibleError("LINK_BROKEN", "The sender's connection ended before its upload did.", { cause });
