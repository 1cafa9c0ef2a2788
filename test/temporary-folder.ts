import { spawnSync } from "node:child_process";
import { accessSync, constants, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/*
 * Prints the folder that tests have for temporary files: one in memory where there is room. Hardly
 * any of them is about what a disk keeps, and each fsync there waits for a real one.
 */

const memoryFolder = "/dev/shm";
/** Of all tests together, and then some. */
const freeBytesMin = 8 * 2 ** 30;

const isGood = (folder: string): boolean => {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= freeBytesMin && mayRun(folder);
  } catch {
    return false;
  }
};

/** Some folders run no programs, and some tests write some. */
const mayRun = (folder: string): boolean => {
  const file = join(folder, `may-run-${process.pid}`);
  try {
    writeFileSync(file, "#!/bin/sh\n", { mode: 0o700 });
    return spawnSync(file).status === 0;
  } finally {
    rmSync(file, { force: true });
  }
};

process.stdout.write(process.env["TMPDIR"] ?? (isGood(memoryFolder) ? memoryFolder : tmpdir()));
