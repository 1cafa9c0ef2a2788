import { rmSync } from "node:fs";
import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memoryFolder = "/dev/shm";
/** What several clusters take at once. */
const freeBytesMin = 6 * 2 ** 30;

const made = new Set<string>();

// A test's process may end without closing its cluster, and memory would stay taken.
process.once("exit", () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/**
 * A new folder for a cluster's disks: in memory where there is room, since nothing here has to
 * outlive a power cut, and each fsync of tgtd would wait for a real disk.
 */
export const makeDiskFolder = async (): Promise<string> => {
  const memory = await statfs(memoryFolder).catch(() => undefined);
  const hasRoom = memory !== undefined && memory.bavail * memory.bsize >= freeBytesMin;
  const folder = await mkdtemp(join(hasRoom ? memoryFolder : tmpdir(), "stand-in-"));
  made.add(folder);
  return folder;
};
