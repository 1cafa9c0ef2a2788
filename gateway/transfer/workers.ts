import type { Log } from "../log.ts";
import type { StorageConfig } from "../storage/config.ts";
import type { Apply, ApplyJob, ApplyResult } from "./apply.ts";
import type { Scan, ScanJob, ScanResult } from "./scan.ts";
import { createThreadPool } from "./threads/pool.ts";

/** Where extents are read, compared, hashed and compressed, and the other way round: apart from the main thread. */
export interface TransferWorkers {
  readonly scan: Scan;
  readonly apply: Apply;
  /** What is under way fails. */
  close(): Promise<void>;
}

export type WorkerJob = ({ readonly kind: "scan" } & ScanJob) | ({ readonly kind: "apply" } & ApplyJob);

/**
 * Worker threads over the storage. A gateway that both sends and receives has one set for each: were they shared, two
 * gateways could fill each other's places and wait for one another.
 *
 * Memory: a job in flight holds 3 MB or so, and each thread a zstd context of 10 MB at most.
 */
export const createTransferWorkers = (options: {
  readonly storage: StorageConfig;
  readonly threads: number;
  /** Extents that are worked on at once; more wait, 15 s at most. */
  readonly jobsMax: number;
  readonly log: Log;
}): TransferWorkers => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const pool = createThreadPool({
    script: new URL(`./worker.${extension}`, import.meta.url),
    data: options.storage,
    threads: options.threads,
    jobsMax: options.jobsMax,
    log: options.log,
  });
  const run = (job: WorkerJob, input: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal) =>
    pool.run(job, { ...(input !== undefined && { input }), signal });
  return {
    scan: (job, signal) =>
      run({ kind: "scan", ...job }, undefined, signal) as AsyncGenerator<Uint8Array, ScanResult, void>,
    apply: async (job, body, signal) => {
      const done = await run({ kind: "apply", ...job }, body, signal).next();
      return done.value as ApplyResult;
    },
    close: () => pool.close(),
  };
};
