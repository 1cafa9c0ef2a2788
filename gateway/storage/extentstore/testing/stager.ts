import { ExtentStore } from "../extentstore.ts";

/*
 * A child process that stages contents of ones for a volume that is there and for a new one, says
 * so, and waits to be killed.
 */
const [dir = "", volumeId = ""] = process.argv.slice(2);
const sizeBytes = 1024 * 1024;
const store = await ExtentStore.open(dir);
const create = { name: "new", kind: "volume", sizeBytes } as const;
for (const staged of [await store.stageVolume({ into: volumeId }), await store.stageVolume({ create })]) {
  await staged.write(0, Buffer.alloc(sizeBytes / 2, 1));
  await staged.flush();
  await staged.write(sizeBytes / 2, Buffer.alloc(sizeBytes / 2, 1));
}
setInterval(() => undefined, 60_000);
process.send?.("staged");
