import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Log } from "../../log/log.ts";
import type { FairGate } from "../../shares/fair-gate.ts";
import { storageTimeouts } from "../../storage/timed-calls.ts";
import { Movement, type Watch } from "../../time/standstill.ts";
import { systemTime, type Time } from "../../time/time.ts";
import { within } from "../../time/within.ts";
import { JobPort, type Part } from "./job-port.ts";
import type { ThreadMessage } from "./serve-jobs.ts";

export interface ThreadPoolOptions {
  /** The module that each thread runs: it serves jobs with `serveJobs`. */
  readonly script: URL;
  /** Plain data that the module finds in `workerData`. */
  readonly data: unknown;
  readonly threads: number;
  readonly time?: Time;
  readonly log: Log;
}

export interface ThreadPool {
  /**
   * Starts all threads, and resolves when they can do jobs. @throws INTERNAL when one dies, or
   * takes too long
   */
  start(): Promise<void>;
  /**
   * Runs a job in a thread, which goes from job to job, wherever there is something to do. `gate`
   * bounds how many are under way at once, and shares them among sites. `input` goes to it, and
   * what it yields and returns comes back. Giving up the generator or aborting the signal ends the
   * job, and either waits for it to have ended. When a job ends before its input, at most one more
   * piece of it is taken. A job that stands still for too long while it is its turn is given up,
   * and its thread with it when nothing at all is heard of that any more: a disk that hangs holds a
   * whole thread.
   * @throws what the job threw; INTERNAL when its thread died; TIMEOUT when no place became free,
   *   or it stood still
   */
  run(job: unknown, options: JobOptions): AsyncGenerator<Uint8Array, unknown, void>;
  /** Jobs under way fail. */
  close(): Promise<void>;
}

/** Whoever watches over a job hears as well how much of it is done, where it says so. */
export interface PartWatch extends Omit<Watch, "onMoved"> {
  readonly onMoved: (part?: Part) => void;
}

export interface JobOptions extends PartWatch {
  readonly gate: FairGate;
  /** The other site that the job is for. */
  readonly site: string;
  /** What it does, for errors. */
  readonly name: string;
  readonly input?: AsyncIterable<Uint8Array>;
}

interface Thread {
  worker: Worker | undefined;
  /** Resolves when it can do jobs. @throws INTERNAL */
  ready: Promise<void> | undefined;
  readonly ports: Set<JobPort>;
  /**
   * Jobs that were given up and have not said a last word: what they hold they may hold for ever.
   */
  unanswered: number;
}

/** Below the 20 s after which a peer takes a receiver that does not read for dead. */
const waitForPlaceMs = 15_000;
const startMs = 60_000;
/** How long a job that was given up may take to end. */
const lastWordMs = 10_000;
/** As long as a cluster may take to make something durable. */
export const jobSeconds = storageTimeouts.durableSeconds;
/** A thread with so many jobs that have not let go is given up: each holds some megabytes. */
const unansweredMax = 8;
const deathsMax = 5;
const deathsWithinMs = 60_000;

const died = (cause?: unknown): VisibleError =>
  new VisibleError("INTERNAL", "A transfer's worker thread died.", {
    hint: "The transfer will be tried again. The gateway's log says why the thread died.",
    cause,
  });

const busy = (): VisibleError =>
  new VisibleError("TIMEOUT", `The gateway had other transfers to work on for ${waitForPlaceMs / 1000} s.`, {
    hint: "It will be tried again. If it goes on, run more gateways at the site.",
  });

const stoodStill = (what: string): VisibleError =>
  new VisibleError("TIMEOUT", `${what} stood still for ${jobSeconds} s.`, {
    hint: "It will be tried again. If it goes on, see whether the disk or the cluster that the storage is on answers.",
  });

const idleThread = (): Thread => ({ worker: undefined, ready: undefined, ports: new Set(), unanswered: 0 });

/**
 * A small, fixed set of worker threads, started at the latest when they are needed, replaced when
 * they die.
 */
export const createThreadPool = (options: ThreadPoolOptions): ThreadPool => {
  const { log, time = systemTime } = options;
  const threads = Array.from({ length: options.threads }, idleThread);
  /** Threads that were given up and have not ended: nothing can end what hangs in the kernel. */
  const stuck = new Set<Worker>();
  let deaths: number[] = [];
  let closed = false;

  const start = (thread: Thread): Worker => {
    const nowMs = performance.now();
    deaths = deaths.filter((deathMs) => deathMs > nowMs - deathsWithinMs);
    if (closed || deaths.length >= deathsMax) throw died();
    // Others would hang as well, and threads are dear.
    if (stuck.size >= options.threads) throw stoodStill("The storage's threads");
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
      if (!stuck.delete(worker) && !closed) {
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

  const open = (job: unknown, onMoved: (part?: Part) => void): { thread: Thread; port: JobPort; leave: () => void } => {
    const thread = leastLoaded();
    const worker = thread.worker ?? start(thread);
    const channel = new MessageChannel();
    const port = new JobPort(channel.port1, onMoved);
    thread.ports.add(port);
    worker.postMessage({ job, port: channel.port2 } satisfies ThreadMessage, [channel.port2]);
    return {
      thread,
      port,
      leave: () => {
        thread.ports.delete(port);
        port.close();
      },
    };
  };

  /**
   * Its place is another one's, which starts when it is needed. What it may still do is what a job
   * that died might have done.
   */
  const abandon = (thread: Thread, why: VisibleError): void => {
    const { worker } = thread;
    const at = threads.indexOf(thread);
    if (worker === undefined || at < 0) return;
    log.error({ err: why, jobs: thread.ports.size }, "a worker thread of the transfers hangs, and is given up");
    threads[at] = idleThread();
    stuck.add(worker);
    for (const port of thread.ports) port.break(why);
    void worker.terminate();
  };

  /** Ends a job that stood still, and its thread when that hangs as a whole. */
  const endStanding = async (thread: Thread, port: JobPort, name: string): Promise<void> => {
    const { worker } = thread;
    if (port.over || worker === undefined) return;
    const why = stoodStill(name);
    log.warn({ err: why }, "a job of the transfers stood still, and is given up");
    port.fail(why);
    const [isAnswered, isAwake] = await Promise.all(
      [port.drained(), answer(worker)].map((word) => within(word, lastWordMs, time)),
    );
    if (isAnswered === false) thread.unanswered++;
    // First of all, so that nobody who hears of the job's end gives the thread another one.
    if (isAwake === false || thread.unanswered >= unansweredMax) abandon(thread, why);
    port.break(why);
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
    async *run(job, { gate, site, name, input, signal, onMoved }) {
      const leaveGate = await gate.enter({ site, waitMs: waitForPlaceMs, time, signal });
      if (leaveGate === undefined) throw busy();
      try {
        const movement = new Movement();
        const over = new AbortController();
        const { thread, port, leave } = open(job, (part) => {
          movement.onMoved();
          onMoved(part);
        });
        const onAbort = () => void giveUp(port, signal.reason, time);
        signal.addEventListener("abort", onAbort, { once: true });
        let isFeeding = input !== undefined;
        // Not waited for: the next piece of an input that nobody wants any more
        // may take long to come.
        if (input !== undefined) {
          void feed(port, input).then(() => {
            isFeeding = false;
          });
        }
        const isHeldUp = () => port.isToTake || (isFeeding && port.isToSend);
        void movement
          .standsStill({ seconds: jobSeconds, time, isHeldUp }, over.signal)
          .then((still) => (still ? endStanding(thread, port, name) : undefined));
        try {
          return yield* port.receive();
        } catch (error) {
          throw signal.aborted ? signal.reason : error;
        } finally {
          over.abort();
          signal.removeEventListener("abort", onAbort);
          await giveUp(port, signal.reason, time);
          leave();
        }
      } finally {
        leaveGate();
      }
    },
    close: async () => {
      closed = true;
      await Promise.all(threads.map(({ worker }) => worker && end(worker, time)));
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

/**
 * Lets the thread close what it has open, within a limit. Nobody waits for one that
 * hangs in the kernel.
 */
const end = async (worker: Worker, time: Time): Promise<void> => {
  const ended = once(worker, "exit");
  worker.postMessage("close" satisfies ThreadMessage);
  if (await within(ended, lastWordMs, time)) return;
  void worker.terminate();
  await within(ended, lastWordMs, time);
};

/**
 * Tells the thread to end the job, and waits for its last word, within a limit. Nothing happens
 * when it has ended.
 */
const giveUp = async (port: JobPort, reason: unknown, time: Time): Promise<void> => {
  if (port.over) return;
  port.fail(reason ?? new Error("the job was given up"));
  await within(port.drained(), lastWordMs, time);
  port.break(reason ?? died());
};

/** Resolves when the thread gets to say that it is there, between two things that it does. */
const answer = (worker: Worker): Promise<unknown> => {
  const said = once(worker, "message");
  worker.postMessage("are you there" satisfies ThreadMessage);
  return said;
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
