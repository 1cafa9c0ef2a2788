import type { SiteId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import { FairGate } from "../shares/fair-gate.ts";
import type { StorageConfig } from "../storage/config.ts";
import type { Watch } from "../time/standstill.ts";
import type { ApplyJob, ApplyResult } from "./apply.ts";
import type { ScanJob, ScanResult } from "./diff/scan.ts";
import type { CompareJob, CompareResult, SignatureJob } from "./diff/signature.ts";
import { createThreadPool, type PartWatch } from "./threads/pool.ts";

/** Work for another site, which has a share of the places. */
export type ForSite<Watching> = Watching & { readonly site: SiteId };

/**
 * Where extents are read, compared, hashed and compressed, and the other way round: apart from the
 * main thread.
 */
export interface TransferWorkers {
  /**
   * Resolves when all threads run and have the storage open; without it they start when they are
   * needed. @throws INTERNAL
   */
  start(): Promise<void>;
  /**
   * Gives the extent's frames in chunks, each of which is the consumer's own, and then what there
   * is to say of them.
   */
  readonly scan: (job: ScanJob, watch: ForSite<PartWatch>) => AsyncGenerator<Uint8Array, ScanResult, void>;
  readonly compare: (job: CompareJob, watch: ForSite<Watch>) => Promise<CompareResult>;
  readonly apply: (job: ApplyJob, body: AsyncIterable<Uint8Array>, watch: ForSite<Watch>) => Promise<ApplyResult>;
  readonly signature: (job: SignatureJob, watch: ForSite<Watch>) => Promise<Uint8Array>;
  /** What is under way fails. */
  close(): Promise<void>;
}

export type WorkerJob =
  | ({ readonly kind: "scan" } & ScanJob)
  | ({ readonly kind: "compare" } & CompareJob)
  | ({ readonly kind: "apply" } & ApplyJob)
  | ({ readonly kind: "signature" } & SignatureJob);

const nameOf = (job: WorkerJob): string => {
  switch (job.kind) {
    case "scan":
      return `Reading extent ${job.extent} of snapshot ${job.snapshot.snapshotId}`;
    case "compare":
      return `Comparing extent ${job.extent} of snapshot ${job.snapshot.snapshotId}`;
    case "apply":
      return `Writing extent ${job.extent} of mirror ${job.mirrorVolumeId}`;
    case "signature":
      return `Reading extent ${job.extent} of mirror ${job.mirrorVolumeId}`;
  }
};

/**
 * Worker threads over the storage. What is sent and what is received have places of their own: were
 * they shared, two gateways could fill each other's places and wait for one another. Sites share
 * each of the two fairly: who takes what comes a byte at a time keeps nobody else waiting.
 *
 * Memory: a job in flight holds 4 MB or so, and each thread zstd contexts and idle buffers of 30 MB
 * at most.
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
  const sending = new FairGate(options.jobsMax.sending);
  const receiving = new FairGate(options.jobsMax.receiving);
  const run = (job: WorkerJob, input: AsyncIterable<Uint8Array> | undefined, watch: ForSite<PartWatch>) => {
    const { site, signal, onMoved } = watch;
    const gate = job.kind === "scan" || job.kind === "compare" ? sending : receiving;
    return pool.run(job, { gate, site, name: nameOf(job), ...(input !== undefined && { input }), signal, onMoved });
  };
  /** A job that yields nothing on its way. */
  const result = async (job: WorkerJob, input: AsyncIterable<Uint8Array> | undefined, watch: ForSite<Watch>) =>
    (await run(job, input, watch).next()).value;
  return {
    start: () => pool.start(),
    scan: (job, watch) =>
      run({ kind: "scan", ...job }, undefined, watch) as AsyncGenerator<Uint8Array, ScanResult, void>,
    compare: async (job, watch) => (await result({ kind: "compare", ...job }, undefined, watch)) as CompareResult,
    apply: async (job, body, watch) => (await result({ kind: "apply", ...job }, body, watch)) as ApplyResult,
    signature: async (job, watch) => (await result({ kind: "signature", ...job }, undefined, watch)) as Uint8Array,
    close: () => pool.close(),
  };
};
