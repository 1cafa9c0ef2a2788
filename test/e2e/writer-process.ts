import { openStorage } from "../../gateway/storage/open.ts";
import type { VolumeHandle } from "../../gateway/storage/volume-io.ts";
import { numberedBlock, type WriteOrder } from "./numbered.ts";

/**
 * Writes numbered blocks into volumes of a store, one when it is told to and durably:
 * `writer-process.ts <store> <volume ids>`. It ends when its parent does.
 */
const [dir = "", ids = ""] = process.argv.slice(2);
const storage = await openStorage({ kind: "extentstore", dir });
const volumes = new Map<string, VolumeHandle>();
for (const id of ids.split(",")) volumes.set(id, await storage.openVolume(id, "write"));

process.on("message", async ({ number, volumeId, offset }: WriteOrder) => {
  const volume = volumes.get(volumeId);
  await volume?.write(offset, numberedBlock(number));
  await volume?.flush();
  process.send?.(number);
});
process.once("disconnect", async () => {
  for (const volume of volumes.values()) await volume.close();
  await storage.close();
});
process.send?.(0);
