import type { MessagePort } from "node:worker_threads";
import { chunkBytes, giveChunkBuffer } from "../../tunnel/upload/chunk-buffers.ts";
import { type PackedError, packError, unpackError } from "./packed-error.ts";

/**
 * Chunks that one end may have sent and the other not taken yet: what bounds the memory of a job.
 * More of them keep no thread busier, and what lies in them is no longer in the processor's cache
 * when its turn comes.
 */
export const chunksInFlightMax = 2;

/** How much of a job is done, in units of its own. */
export interface Part {
  readonly done: number;
  readonly of: number;
}

type Message =
  | { readonly kind: "chunk"; readonly chunk: Uint8Array<ArrayBuffer> }
  /** With the buffer of the chunk that was taken, where it can be used again. */
  | { readonly kind: "credit"; readonly buffer: ArrayBuffer | undefined }
  /** The job got something done of which there is nothing else to tell. */
  | { readonly kind: "moved"; readonly part: Part | undefined }
  | { readonly kind: "end"; readonly value: unknown }
  | { readonly kind: "fail"; readonly failure: PackedError };

/**
 * One end of a two-way stream of chunks between threads, for one job. Either end sends chunks, as
 * many as the other has credit for, and then ends with a value or fails. Chunks change hands
 * without being copied, and their buffers go back to the thread they came from.
 */
export class JobPort {
  readonly #port: MessagePort;
  readonly #inbox: Uint8Array<ArrayBuffer>[] = [];
  readonly #failed = new AbortController();
  readonly #onHeard: (part?: Part) => void;
  #credits = chunksInFlightMax;
  /** Chunks of the other end that have come and are not given back. */
  #held = 0;
  #ended: { readonly value: unknown } | undefined;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  /**
   * @param onHeard called whenever the other end says something: it lives, and moves; with how far
   * it is, where it says so
   */
  constructor(port: MessagePort, onHeard: (part?: Part) => void = () => undefined) {
    this.#port = port;
    this.#onHeard = onHeard;
    port.on("message", (message: Message) => this.#onMessage(message));
  }

  /** Aborted, with the error as its reason, when the other end failed or is gone. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Whether the other end has said its last word. */
  get over(): boolean {
    return this.#ended !== undefined || this.failed.aborted;
  }

  /** Whether it is our turn: the other end waits for a chunk to be taken. */
  get isToTake(): boolean {
    return this.#held >= chunksInFlightMax;
  }

  /** Whether it is our turn: the other end has taken all that was sent. */
  get isToSend(): boolean {
    return this.#credits === chunksInFlightMax;
  }

  /**
   * Gives a chunk away, buffer and all, once there is credit for it. @throws the other end's
   * failure, or when the job has ended
   */
  async send(chunk: Uint8Array): Promise<void> {
    while (this.#credits === 0 && !this.failed.aborted && !this.#closed) await this.#changed.promise;
    this.failed.throwIfAborted();
    if (this.#closed) throw new Error("the job has ended");
    this.#credits--;
    const own = chunk as Uint8Array<ArrayBuffer>;
    this.#port.postMessage({ kind: "chunk", chunk: own } satisfies Message, [own.buffer]);
  }

  moved(part?: Part): void {
    this.#port.postMessage({ kind: "moved", part } satisfies Message);
  }

  end(value?: unknown): void {
    this.#port.postMessage({ kind: "end", value } satisfies Message);
  }

  fail(error: unknown): void {
    this.#port.postMessage({ kind: "fail", failure: packError(error) } satisfies Message);
  }

  /**
   * The other end's chunks, each good until the next is asked for, and the
   * value that it ended with.
   * @throws the other end's failure
   */
  async *receive(): AsyncGenerator<Uint8Array, unknown, void> {
    for (;;) {
      this.failed.throwIfAborted();
      const chunk = this.#inbox.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#giveBack(chunk);
      } else if (this.#ended !== undefined) return this.#ended.value;
      else await this.#changed.promise;
    }
  }

  /** The other end is gone without a word, or is not waited for any longer. */
  break(error: unknown): void {
    if (this.over) return;
    this.#failed.abort(error);
    this.#notify();
  }

  /** Resolves when the other end has said its last word; drops its chunks. */
  async drained(): Promise<void> {
    while (!this.over) await this.#changed.promise;
  }

  close(): void {
    this.#closed = true;
    this.#port.close();
    this.#notify();
  }

  #giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.#held--;
    // The consumer may have given it away itself; then it has no length any more.
    const whole = buffer.byteLength === chunkBytes;
    const message = { kind: "credit", buffer: whole ? buffer : undefined } satisfies Message;
    this.#port.postMessage(message, whole ? [buffer] : []);
  }

  #onMessage(message: Message): void {
    this.#onHeard(message.kind === "moved" ? message.part : undefined);
    if (message.kind === "moved") return;
    if (message.kind === "chunk") {
      this.#held++;
      this.#inbox.push(message.chunk);
    } else if (message.kind === "credit") {
      this.#credits++;
      if (message.buffer !== undefined) giveChunkBuffer(message.buffer);
    } else if (message.kind === "end") this.#ended = { value: message.value };
    else this.#failed.abort(unpackError(message.failure));
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
