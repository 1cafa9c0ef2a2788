import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, Worker } from "node:worker_threads";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Log } from "../../log.ts";
import type { Gate } from "./gate.ts";
import { JobPort } from "./job-port.ts";
import type { ThreadMessage } from "./serve-jobs.ts";

export interface ThreadPoolOptions {
  /** The module that each thread runs: it serves jobs with `serveJobs`. */
  readonly script: URL;
  /** Plain data that the module finds in `workerData`. */
  readonly data: unknown;
  readonly threads: number;
  readonly log: Log;
}

export interface ThreadPool {
  /** Starts all threads, and resolves when they can do jobs. @throws INTERNAL when one dies, or takes too long */
  start(): Promise<void>;
  /**
   * Runs a job in a thread, which goes from job to job, wherever there is something to do. `gate` bounds how many are under
   * way at once. `input` goes to it, and what it yields and returns comes back. Giving up the generator or
   * aborting the signal ends the job, and either waits for it to have ended. When a job ends before its input, at most one
   * more piece of it is taken.
   * @throws what the job threw; INTERNAL when its thread died; TIMEOUT when no place became free
   */
  run(
    job: unknown,
    options: { readonly gate: Gate; readonly input?: AsyncIterable<Uint8Array>; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, unknown, void>;
  /** Jobs under way fail. */
  close(): Promise<void>;
}

interface Thread {
  worker: Worker | undefined;
  /** Resolves when it can do jobs. @throws INTERNAL */
  ready: Promise<void> | undefined;
  readonly ports: Set<JobPort>;
}

/** Below the 20 s after which a peer takes a receiver that does not read for dead. */
const waitForPlaceMs = 15_000;
const startMs = 60_000;
/** How long a job that was given up may take to end. */
const lastWordMs = 10_000;
const deathsMax = 5;
const deathsWithinMs = 60_000;

const died = (cause?: unknown): VisibleError =>
  new VisibleError("INTERNAL", "A transfer's worker thread died.", {
    hint: "The transfer will be tried again. The gateway's log says why the thread died.",
    cause,
  });

/** A small, fixed set of worker threads, started at the latest when they are needed, replaced when they die. */
export const createThreadPool = (options: ThreadPoolOptions): ThreadPool => {
  const { log } = options;
  const threads = Array.from(
    { length: options.threads },
    (): Thread => ({ worker: undefined, ready: undefined, ports: new Set() }),
  );
  let deaths: number[] = [];
  let closed = false;

  const start = (thread: Thread): Worker => {
    const nowMs = performance.now();
    deaths = deaths.filter((deathMs) => deathMs > nowMs - deathsWithinMs);
    if (closed || deaths.length >= deathsMax) throw died();
    const worker = new Worker(options.script, {
      workerData: options.data,
      // Node 22 calls its SQLite experimental on every thread's standard error.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    let reason: unknown;
    worker.on("error", (error) => {
      reason = error;
    });
    worker.on("exit", (exitCode) => {
      thread.worker = undefined;
      if (!closed) {
        deaths.push(performance.now());
        log.error({ err: reason, exitCode }, "a worker thread of the transfers died");
      }
      for (const port of thread.ports) port.break(died(reason));
    });
    thread.worker = worker;
    thread.ready = ready(worker);
    // It is thrown where it is waited for; jobs hear of a death by their ports.
    thread.ready.catch(() => undefined);
    return worker;
  };

  const leastLoaded = (): Thread => threads.reduce((a, b) => (b.ports.size < a.ports.size ? b : a));

  const open = (job: unknown): { port: JobPort; leave: () => void } => {
    const thread = leastLoaded();
    const worker = thread.worker ?? start(thread);
    const channel = new MessageChannel();
    const port = new JobPort(channel.port1);
    thread.ports.add(port);
    worker.postMessage({ job, port: channel.port2 } satisfies ThreadMessage, [channel.port2]);
    return {
      port,
      leave: () => {
        thread.ports.delete(port);
        port.close();
      },
    };
  };

  return {
    start: async () => {
      await Promise.all(
        threads.map(async (thread) => {
          if (thread.worker === undefined) start(thread);
          await thread.ready;
        }),
      );
    },
    async *run(job, { gate, input, signal }) {
      await gate.enter({ waitMs: waitForPlaceMs, signal });
      try {
        const { port, leave } = open(job);
        const onAbort = () => void giveUp(port, signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        // Not waited for: the next piece of an input that nobody wants any more may take long to come.
        if (input !== undefined) void feed(port, input);
        try {
          return yield* port.receive();
        } catch (error) {
          throw signal.aborted ? signal.reason : error;
        } finally {
          signal.removeEventListener("abort", onAbort);
          await giveUp(port, signal.reason);
          leave();
        }
      } finally {
        gate.leave();
      }
    },
    close: async () => {
      closed = true;
      await Promise.all(threads.map(({ worker }) => worker && end(worker)));
    },
  };
};

/** @throws INTERNAL */
const ready = async (worker: Worker): Promise<void> => {
  try {
    const ended = once(worker, "exit").then(() => Promise.reject(died()));
    await Promise.race([once(worker, "message", { signal: AbortSignal.timeout(startMs) }), ended]);
  } catch (error) {
    throw died(error);
  }
};

/** Lets the thread close what it has open, within a limit. */
const end = async (worker: Worker): Promise<void> => {
  const late = setTimeout(() => void worker.terminate(), lastWordMs);
  const ended = once(worker, "exit");
  worker.postMessage("close" satisfies ThreadMessage);
  try {
    await ended;
  } finally {
    clearTimeout(late);
  }
};

/** Tells the thread to end the job, and waits for its last word, within a limit. Nothing happens when it has ended. */
const giveUp = async (port: JobPort, reason: unknown): Promise<void> => {
  if (port.over) return;
  port.fail(reason ?? new Error("the job was given up"));
  const waited = new AbortController();
  const late = sleep(lastWordMs, undefined, { signal: waited.signal }).catch(() => undefined);
  await Promise.race([port.drained(), late]);
  waited.abort();
  port.break(died());
};

/** Passes the input on. When it breaks off, the job is told, and says then what becomes of it. */
const feed = async (port: JobPort, input: AsyncIterable<Uint8Array>): Promise<void> => {
  try {
    for await (const chunk of input) await port.send(chunk);
    port.end();
  } catch (error) {
    port.fail(error);
  }
};
