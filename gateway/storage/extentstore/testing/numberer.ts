import { numberedWrite, placeOf } from "../../conformance/skew.ts";
import { ExtentStore } from "../extentstore.ts";

/*
 * A child process that writes the numbers from 1 on to volumes, each when the one before it is durable, and says so. It
 * begins when it is told to.
 */
const [dir = "", writes = "0", ...volumeIds] = process.argv.slice(2);
const store = await ExtentStore.open(dir);
const handles = await Promise.all(volumeIds.map((id) => store.openVolume(id, "write")));
process.once("message", async () => {
  for (let number = 1; number <= Number(writes); number++) {
    const { volume, offset } = placeOf(number, volumeIds.length);
    await handles[volume]?.write(offset, numberedWrite(number));
    await handles[volume]?.flush();
    process.send?.(number);
  }
  for (const handle of handles) await handle.close();
  await store.close();
  process.disconnect();
});
process.send?.(0);
