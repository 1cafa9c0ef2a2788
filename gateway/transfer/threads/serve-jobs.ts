import { setImmediate } from "node:timers/promises";
import { type MessagePort, parentPort } from "node:worker_threads";
import { JobPort } from "./job-port.ts";

/** Whoever a job is done for. */
export interface JobWatch {
  /** Aborted when the job is given up. */
  readonly signal: AbortSignal;
  /**
   * A step of the work is done. A few times a second this says so to whoever waits for the job, and
   * there is something to wait for: in that moment the thread gets to hear what it was told, and
   * its other jobs have a turn.
   * @param done how much of the job is done, in units of its own, where that is known
   * @param of how much all of it is
   * @throws the signal's reason
   */
  step(done?: number, of?: number): Promise<void> | undefined;
}

/** Does a job: takes `input`, yields chunks that are given away, returns plain data. */
export type JobHandler = (
  job: unknown,
  input: AsyncIterable<Uint8Array>,
  watch: JobWatch,
) => AsyncGenerator<Uint8Array, unknown, void>;

/** What the pool tells a thread: do a job, say that it is there, or end. */
export type ThreadMessage = { readonly job: unknown; readonly port: MessagePort } | "are you there" | "close";

const stepMs = 250;

/**
 * A worker thread's side of the pool: says that it is ready, and serves the jobs that come, many at
 * once, until it is told to end. Then it calls `close`, and whatever jobs are left end with the
 * thread.
 */
export const serveJobs = (handler: JobHandler, close: () => Promise<void>): void => {
  parentPort?.on("message", async (message: ThreadMessage) => {
    if (message === "are you there") return parentPort?.postMessage("yes");
    if (message !== "close") return serve(handler, message.job, new JobPort(message.port));
    await close();
    process.exit(0);
  });
  parentPort?.postMessage("ready");
};

const serve = async (handler: JobHandler, job: unknown, port: JobPort): Promise<void> => {
  try {
    const output = handler(job, port.receive(), watchOf(port));
    for (;;) {
      const next = await output.next();
      if (next.done === true) return port.end(next.value);
      await sendOrStop(port, output, next.value);
    }
  } catch (error) {
    port.fail(error);
  }
};

const watchOf = (port: JobPort): JobWatch => {
  let toldAtMs = performance.now();
  return {
    signal: port.failed,
    step: (done, of) => {
      port.failed.throwIfAborted();
      const nowMs = performance.now();
      if (nowMs - toldAtMs < stepMs) return undefined;
      toldAtMs = nowMs;
      port.moved(done === undefined || of === undefined ? undefined : { done, of });
      return setImmediate();
    },
  };
};

/**
 * When the job was given up while a chunk waited, the handler ends as if its own work had failed.
 */
const sendOrStop = async (port: JobPort, output: AsyncGenerator<Uint8Array>, chunk: Uint8Array): Promise<void> => {
  try {
    await port.send(chunk);
  } catch (error) {
    await output.return(undefined);
    throw error;
  }
};
