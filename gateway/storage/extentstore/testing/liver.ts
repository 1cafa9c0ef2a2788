import { writeSync } from "node:fs";
import { ExtentStore } from "../extentstore.ts";
import { applyStep, liveStep, volumeBytes } from "./steps.ts";

/* A child process that lives a store's steps from the given one on until it is killed, and says what was promised. */
const [dir = "", first = "0", mirrorVolumeId = "", importedVolumeId = "", ...volumeIds] = process.argv.slice(2);
const driver = await ExtentStore.open(dir);
const state = Buffer.alloc(volumeBytes);
for (let n = 0; n < Number(first); n++) applyStep(state, n);
for (let n = Number(first); ; n++) {
  await liveStep(driver, { volumeIds, mirrorVolumeId, importedVolumeId, state }, n, (what) =>
    writeSync(1, `${what}\n`),
  );
}
