import { workerData } from "node:worker_threads";
import { storageConfigSchema } from "../storage/config.ts";
import { openStorage } from "../storage/open.ts";
import { createApply } from "./apply.ts";
import { createScan } from "./scan.ts";
import { serveJobs } from "./threads/serve-jobs.ts";
import type { WorkerJob } from "./workers.ts";

/** What a worker thread of the transfers runs: it has the storage open for itself, and hashes and compresses. */
const storage = await openStorage(storageConfigSchema.parse(workerData));
const scan = createScan(storage);
const apply = createApply(storage);

serveJobs(
  async function* (job, input, signal) {
    const { kind, ...rest } = job as WorkerJob;
    if (kind === "scan") return yield* scan(rest as Extract<WorkerJob, { kind: "scan" }>, signal);
    return await apply(rest as Extract<WorkerJob, { kind: "apply" }>, input, signal);
  },
  () => storage.close(),
);
