import { Worker } from "node:worker_threads";
import { VisibleError } from "../../../core/api/errors.ts";
import type { StorageConfig } from "../../storage/config.ts";
import { storageTimeouts } from "../../storage/timed-calls.ts";
import { Movement } from "../../time/standstill.ts";
import type { Time } from "../../time/time.ts";
import { unpackError } from "../../transfer/threads/packed-error.ts";
import type { ReadingAnswer, ReadingCall, ReadingRequest } from "./messages.ts";

const { answerSeconds } = storageTimeouts;

/** A thread that reads snapshots, and who waits for it. */
export class ReadingThread {
  /** Those that are open in it. */
  readers = 0;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #movement = new Movement();
  readonly #over = new AbortController();
  #asked = 0;

  /** @param options.onExit called when nothing of it is left */
  constructor(options: {
    readonly script: URL;
    readonly storage: StorageConfig;
    readonly time: Time;
    readonly onExit: () => void;
  }) {
    const { script, storage, time, onExit } = options;
    this.#worker = new Worker(script, {
      workerData: storage,
      // Node 22 calls its SQLite experimental on every thread's standard error.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    let cause: unknown;
    this.#worker.on("message", (answer: ReadingAnswer) => this.#onAnswer(answer));
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#worker.on("exit", () => {
      this.#end(died(cause));
      onExit();
    });
    const isHeldUp = () => this.#waiting.size === 0;
    void this.#movement.standsStill({ seconds: answerSeconds, time, isHeldUp }, this.#over.signal).then((still) => {
      if (!still) return;
      this.#end(tooLong());
      void this.#worker.terminate();
    });
  }

  /** It answers nothing more. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** @throws what the storage throws; INTERNAL: the thread died, TIMEOUT: it stands still */
  async ask(call: ReadingCall): Promise<unknown> {
    if (this.isOver) throw died(undefined);
    const id = ++this.#asked;
    const answered = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answered);
    const transfer = call.do === "read" ? [call.buffer] : [];
    this.#worker.postMessage({ id, call } satisfies ReadingRequest, transfer);
    return answered.promise;
  }

  /** Lets it close what it has open. What is asked meanwhile fails. */
  end(): void {
    if (this.isOver) return;
    this.#worker.postMessage({ id: 0, call: { do: "end" } } satisfies ReadingRequest);
    this.#end(died(undefined));
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    this.#end(died(undefined));
    await this.#worker.terminate();
  }

  #onAnswer(answer: ReadingAnswer): void {
    this.#movement.onMoved();
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.failure === undefined) waiting?.resolve(answer.value);
    else waiting?.reject(unpackError(answer.failure));
  }

  #end(why: VisibleError): void {
    this.#over.abort(why);
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
  }
}

const died = (cause: unknown): VisibleError =>
  new VisibleError("INTERNAL", "The thread that reads snapshots has ended.", {
    hint: "Read it again: another thread takes its place. The gateway's log says why it died, if it did.",
    cause,
  });

export const tooLong = (): VisibleError =>
  new VisibleError("TIMEOUT", `The storage did not answer a read within ${answerSeconds} s.`, {
    hint: "See whether the cluster, or the disk that the storage is on, answers.",
  });
