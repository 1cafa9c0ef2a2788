import type { Duplex } from "node:stream";
import type { Liveness } from "../liveness.ts";
import { chunkBytes } from "./chunk-buffers.ts";
import { lengthBytes } from "./protocol.ts";

/** An error's text is limited, and answers are short. */
const answerCharactersMax = 64 * 1024;
/**
 * A chunk goes to the socket in pieces, to see a slow peer take them: smaller ones, to this, where
 * one takes longer than a second, and larger ones where it takes no time.
 */
const pieceBytesMin = 16 * 1024;
const pieceMs = { fast: 100, slow: 1_000 };

/** What is sent, to where at the receiver. */
export interface Upload {
  readonly path: string;
  /** A chunk's memory is not looked at any more when the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Hears how much of it the peer has taken, or what is between. */
  readonly onTaken?: (bytes: number) => void;
}

/** A sender's end of an upload connection (protocol.ts): one upload at a time. */
export class UploadConnection {
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  #line = "";
  #onLine: ((line: string) => void) | undefined;
  #isIdle = true;
  /** Of the upload, all of the body is out, and the end is handed to the socket. */
  #isSent = false;
  #pieceBytes = pieceBytesMin;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => undefined);
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#onText(text));
    socket.on("end", () => socket.destroy());
  }

  /** Whether it can take another upload, as far as one can see from here. */
  get isIdle(): boolean {
    return this.#isIdle && !this.#socket.destroyed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Sends an upload and waits for its answer, which may come before all of it is sent. Whoever
   * gives it up destroys the connection.
   * @param timeouts `stallSeconds`: how long the peer may take for a piece of a chunk
   * @returns the answer's text @throws what the body throws, what broke the connection
   */
  async send(upload: Upload, alive: Liveness, timeouts: { readonly stallSeconds: number }): Promise<string> {
    this.#isIdle = false;
    const answer = Promise.withResolvers<string>();
    this.#onLine = (line) => {
      alive.heard();
      if (line !== "") answer.resolve(line);
    };
    const onClose = () => answer.reject(this.#socket.errored ?? new Error("the peer ended the connection"));
    this.#socket.once("close", onClose);
    if (this.#socket.destroyed) onClose();
    this.#isSent = false;
    this.#write(upload, alive, timeouts.stallSeconds).catch(answer.reject);
    try {
      const text = await answer.promise;
      this.#isIdle = this.#isSent;
      return text;
    } finally {
      this.#onLine = undefined;
      this.#socket.off("close", onClose);
    }
  }

  async #write({ body, onTaken, ...upload }: Upload, alive: Liveness, stallSeconds: number): Promise<void> {
    alive.begun();
    const path = Buffer.from(upload.path);
    await this.#put(Buffer.concat([lengthOf(path), path]));
    for await (const chunk of body) {
      // Of no bytes is the end.
      if (chunk.length === 0) continue;
      // One after the other, since together they would be copied into one.
      this.#socket.write(lengthOf(chunk));
      for (let at = 0; at < chunk.length; ) {
        const piece = chunk.subarray(at, at + this.#pieceBytes);
        await this.#putWithin(piece, stallSeconds, alive);
        alive.taken();
        onTaken?.(piece.length);
        at += piece.length;
      }
    }
    alive.sent();
    // Whatever comes from now on, the next upload begins where this one ends.
    this.#isSent = true;
    await this.#put(lengthOf(new Uint8Array()));
  }

  async #putWithin(piece: Uint8Array, stallSeconds: number, alive: Liveness): Promise<void> {
    const sinceMs = performance.now();
    const late = setTimeout(() => alive.giveUp(`took nothing for ${stallSeconds} s`), stallSeconds * 1000);
    try {
      await this.#put(piece);
    } finally {
      clearTimeout(late);
    }
    const tookMs = performance.now() - sinceMs;
    if (tookMs < pieceMs.fast) this.#pieceBytes = Math.min(2 * this.#pieceBytes, chunkBytes);
    else if (tookMs > pieceMs.slow) this.#pieceBytes = Math.max(this.#pieceBytes / 2, pieceBytesMin);
  }

  /** Resolves when the bytes are no longer needed. */
  #put(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  #onText(text: string): void {
    // What ends no line is not looked at again with each piece that comes.
    const [rest = "", ...next] = text.split("\n");
    this.#line += rest;
    for (const line of next) {
      this.#onLine?.(this.#line);
      this.#line = line;
    }
    if (this.#line.length > answerCharactersMax) this.#socket.destroy(new Error("the peer's answer has no end"));
  }
}

const lengthOf = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(bytes.length);
  return length;
};
