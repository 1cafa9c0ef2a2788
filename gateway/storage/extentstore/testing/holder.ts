import { parentPort, workerData } from "node:worker_threads";
import { ExtentStore } from "../extentstore.ts";

/*
 * A worker thread or child process that opens a volume to write it, says so, and holds
 * on until it is killed.
 */
const [dir = "", volumeId = ""]: readonly string[] = workerData ?? process.argv.slice(2);
const store = await ExtentStore.open(dir);
const handle = await store.openVolume(volumeId, "write");
await handle.write(0, Buffer.alloc(64 * 1024, 1));
// Whoever holds on refers to what it holds: else the collector of garbage takes it, lock and all.
setInterval(() => void handle, 60_000);
process.once("disconnect", () => process.exit());
if (parentPort === null) process.send?.("held");
else parentPort.postMessage("held");
