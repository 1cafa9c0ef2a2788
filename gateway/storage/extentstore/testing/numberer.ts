import { numberedWrite, placeOf } from "../../conformance/skew.ts";
import { ExtentStore } from "../extentstore.ts";

/*
 * A child process that writes the numbers from 1 on to volumes, each when the one before it
 * is durable, and says so. It begins when it is told to, and ends when it is told again, or
 * the volumes are full.
 */
const [dir = "", writesMax = "0", ...volumeIds] = process.argv.slice(2);
const store = await ExtentStore.open(dir);
const handles = await Promise.all(volumeIds.map((id) => store.openVolume(id, "write")));
let isWriting = false;
const write = async () => {
  for (let number = 1; isWriting && number <= Number(writesMax); number++) {
    const { volume, offset } = placeOf(number, volumeIds.length);
    await handles[volume]?.write(offset, numberedWrite(number));
    await handles[volume]?.flush();
    process.send?.(number);
  }
  for (const handle of handles) await handle.close();
  await store.close();
  process.disconnect();
};
process.on("message", () => {
  isWriting = !isWriting;
  if (isWriting) void write();
});
process.send?.(0);
