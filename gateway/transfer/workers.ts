import type { Log } from "../log.ts";
import type { StorageConfig } from "../storage/config.ts";
import type { Apply, ApplyJob, ApplyResult } from "./apply.ts";
import type { Scan, ScanJob, ScanResult } from "./scan.ts";
import type { CompareJob, CompareResult, SignatureJob } from "./signature.ts";
import { Gate } from "./threads/gate.ts";
import { createThreadPool } from "./threads/pool.ts";

/** Where extents are read, compared, hashed and compressed, and the other way round: apart from the main thread. */
export interface TransferWorkers {
  /** Resolves when all threads run and have the storage open; without it they start when they are needed. @throws INTERNAL */
  start(): Promise<void>;
  readonly scan: Scan;
  readonly compare: (job: CompareJob, signal: AbortSignal) => Promise<CompareResult>;
  readonly apply: Apply;
  readonly signature: (job: SignatureJob, signal: AbortSignal) => Promise<Uint8Array>;
  /** What is under way fails. */
  close(): Promise<void>;
}

export type WorkerJob =
  | ({ readonly kind: "scan" } & ScanJob)
  | ({ readonly kind: "compare" } & CompareJob)
  | ({ readonly kind: "apply" } & ApplyJob)
  | ({ readonly kind: "signature" } & SignatureJob);

/**
 * Worker threads over the storage. What is sent and what is received have places of their own: were they shared, two
 * gateways could fill each other's places and wait for one another.
 *
 * Memory: a job in flight holds 4 MB or so, and each thread zstd contexts and idle buffers of 20 MB at most.
 */
export const createTransferWorkers = (options: {
  readonly storage: StorageConfig;
  readonly threads: number;
  /** Extents that are worked on at once; more wait, 15 s at most. */
  readonly jobsMax: { readonly sending: number; readonly receiving: number };
  readonly log: Log;
}): TransferWorkers => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const pool = createThreadPool({
    script: new URL(`./worker.${extension}`, import.meta.url),
    data: options.storage,
    threads: options.threads,
    log: options.log,
  });
  const sending = new Gate(options.jobsMax.sending);
  const receiving = new Gate(options.jobsMax.receiving);
  const run = (job: WorkerJob, input: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal) => {
    const gate = job.kind === "scan" || job.kind === "compare" ? sending : receiving;
    return pool.run(job, { gate, ...(input !== undefined && { input }), signal });
  };
  /** A job that yields nothing on its way. */
  const result = async (job: WorkerJob, input: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal) =>
    (await run(job, input, signal).next()).value;
  return {
    start: () => pool.start(),
    scan: (job, signal) =>
      run({ kind: "scan", ...job }, undefined, signal) as AsyncGenerator<Uint8Array, ScanResult, void>,
    compare: async (job, signal) => (await result({ kind: "compare", ...job }, undefined, signal)) as CompareResult,
    apply: async (job, body, signal) => (await result({ kind: "apply", ...job }, body, signal)) as ApplyResult,
    signature: async (job, signal) => (await result({ kind: "signature", ...job }, undefined, signal)) as Uint8Array,
    close: () => pool.close(),
  };
};
