import { workerData } from "node:worker_threads";
import { VisibleError } from "../../../core/api/errors.ts";
import { serveJobs } from "../threads/serve-jobs.ts";

/**
 * What the tests of the thread pool run: `workerData.counters` is [chunks made, jobs ended, threads
 * closed, jobs that hang].
 */
const counters = new Int32Array((workerData as { counters: SharedArrayBuffer }).counters);

serveJobs(
  async function* (job, input, { signal, step }) {
    try {
      if (job === "die") process.exit(3);
      if (job === "throw") throw new VisibleError("STORE_CORRUPT", "bad disk", { hint: "replace it" });
      if (job === "hang")
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      if (job === "few") for (let made = 0; made < 5; made++) yield new Uint8Array(1000);
      if (job === "block" || job === "deaf" || job === "few") {
        Atomics.add(counters, 3, 1);
        Atomics.notify(counters, 3);
        if (job !== "block") await new Promise(() => undefined);
        // Nobody ever wakes it.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      }
      if (job === "busy") {
        for (;;) {
          const turn = step();
          if (turn !== undefined) await turn;
        }
      }
      if (job === "echo") {
        let bytes = 0;
        for await (const chunk of input) {
          bytes += chunk.length;
          yield chunk;
        }
        return bytes;
      }
      for (;;) {
        Atomics.add(counters, 0, 1);
        yield new Uint8Array(1000);
      }
    } finally {
      Atomics.add(counters, 1, 1);
    }
  },
  async () => {
    Atomics.add(counters, 2, 1);
  },
);
