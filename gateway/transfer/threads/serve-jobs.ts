import { type MessagePort, parentPort } from "node:worker_threads";
import { JobPort } from "./job-port.ts";

/** Does a job: takes `input`, yields chunks that are given away, returns plain data. The signal says that it was given up. */
export type JobHandler = (
  job: unknown,
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
) => AsyncGenerator<Uint8Array, unknown, void>;

/** What the pool tells a thread: do a job, or end. */
export type ThreadMessage = { readonly job: unknown; readonly port: MessagePort } | "close";

/**
 * A worker thread's side of the pool: says that it is ready, and serves the jobs that come, many at once, until it is told to end. Then it calls `close`,
 * and whatever jobs are left end with the thread.
 */
export const serveJobs = (handler: JobHandler, close: () => Promise<void>): void => {
  parentPort?.on("message", async (message: ThreadMessage) => {
    if (message !== "close") return serve(handler, message.job, new JobPort(message.port));
    await close();
    process.exit(0);
  });
  parentPort?.postMessage("ready");
};

const serve = async (handler: JobHandler, job: unknown, port: JobPort): Promise<void> => {
  try {
    const output = handler(job, port.receive(), port.failed);
    for (;;) {
      const next = await output.next();
      if (next.done === true) return port.end(next.value);
      await sendOrStop(port, output, next.value);
    }
  } catch (error) {
    port.fail(error);
  }
};

/** When the job was given up while a chunk waited, the handler ends as if its own work had failed. */
const sendOrStop = async (port: JobPort, output: AsyncGenerator<Uint8Array>, chunk: Uint8Array): Promise<void> => {
  try {
    await port.send(chunk);
  } catch (error) {
    await output.return(undefined);
    throw error;
  }
};
