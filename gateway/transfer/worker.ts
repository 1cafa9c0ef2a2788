import { workerData } from "node:worker_threads";
import { storageConfigSchema } from "../storage/config.ts";
import { KeptHashes } from "../storage/kept-hashes.ts";
import { openDriver } from "../storage/open.ts";
import { createApply } from "./apply.ts";
import { createScan } from "./diff/scan.ts";
import { createCompare, createSignature } from "./diff/signature.ts";
import { serveJobs } from "./threads/serve-jobs.ts";
import type { WorkerJob } from "./workers.ts";

/**
 * What a worker thread of the transfers runs: it has the storage open for itself, and hashes and
 * compresses.
 */
const config = storageConfigSchema.parse(workerData);
const hashesDir = config.kind === "smtx" ? config.hashesDir : undefined;
const storage = await openDriver(config);
const scan = createScan(storage, hashesDir === undefined ? undefined : new KeptHashes(hashesDir));
const compare = createCompare(storage);
const apply = createApply(storage);
const signature = createSignature(storage);

serveJobs(
  async function* (message, input, watch) {
    const job = message as WorkerJob;
    switch (job.kind) {
      case "scan":
        return yield* scan(job, watch);
      case "compare":
        return await compare(job, watch);
      case "apply":
        return await apply(job, input, watch);
      case "signature":
        return await signature(job, watch);
    }
  },
  () => storage.close(),
);
