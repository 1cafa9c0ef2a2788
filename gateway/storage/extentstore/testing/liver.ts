import { writeSync } from "node:fs";
import { manualTime } from "../../../agent/testing.ts";
import { idleMs } from "../data/idle.ts";
import { ExtentStore } from "../extentstore.ts";
import { waitedTime } from "./space.ts";
import { applyStep, liveStep, volumeBytes } from "./steps.ts";
import { liveVmStep } from "./vm-steps.ts";

/*
 * A child process that lives a store's steps from the given one on until it is killed, and
 * says what was promised.
 */
const [dir = "", first = "0", mirrorVolumeId = "", importedVolumeId = "", ...volumeIds] = process.argv.slice(2);
const time = manualTime();
const driver = await ExtentStore.open(dir, { time });
const state = Buffer.alloc(volumeBytes);
for (let n = 0; n < Number(first); n++) applyStep(state, n);
for (let n = Number(first); ; n++) {
  const say = (what: string) => writeSync(1, `${what}\n`);
  await liveVmStep(driver, n, say);
  await liveStep(driver, { volumeIds, mirrorVolumeId, importedVolumeId, state }, n, say);
  // Nobody writes for a while.
  await time.advance(2 * idleMs);
  await driver.tend({ time: waitedTime() });
}
