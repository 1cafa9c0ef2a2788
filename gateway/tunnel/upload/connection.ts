import type { Duplex } from "node:stream";
import type { Liveness } from "../liveness.ts";
import { lengthBytes } from "./protocol.ts";
import { watched } from "./watched.ts";

/** An error's text is limited, and answers are short. */
const answerCharactersMax = 64 * 1024;

/** What is sent, to where at the receiver. */
export interface Upload {
  readonly path: string;
  /** A chunk's memory is not looked at any more when the next one is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
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
   * @param timeouts `stallSeconds`: how long the peer may take for a chunk
   * @returns the answer's text @throws what the body throws, what broke the connection
   */
  async send({ path, body }: Upload, alive: Liveness, timeouts: { readonly stallSeconds: number }): Promise<string> {
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
    const { stallSeconds } = timeouts;
    const chunks = watched(body, {
      onTaken: () => alive.taken(),
      onSent: () => alive.sent(),
      onStall: () => alive.giveUp(`took nothing for ${stallSeconds} s`),
      stallMs: stallSeconds * 1000,
    });
    this.#write(Buffer.from(path), chunks, alive).catch(answer.reject);
    try {
      const text = await answer.promise;
      this.#isIdle = this.#isSent;
      return text;
    } finally {
      this.#onLine = undefined;
      this.#socket.off("close", onClose);
    }
  }

  async #write(path: Buffer, chunks: AsyncIterable<Uint8Array>, alive: Liveness): Promise<void> {
    alive.begun();
    await this.#put(Buffer.concat([lengthOf(path), path]));
    for await (const chunk of chunks) {
      // Of no bytes is the end.
      if (chunk.length === 0) continue;
      // One after the other, since together they would be copied into one.
      this.#socket.write(lengthOf(chunk));
      await this.#put(chunk);
    }
    // Whatever comes from now on, the next upload begins where this one ends.
    this.#isSent = true;
    await this.#put(lengthOf(new Uint8Array()));
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
