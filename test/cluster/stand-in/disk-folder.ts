import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memoryFolder = "/dev/shm";
/** What several clusters take at once. */
const freeBytesMin = 6 * 2 ** 30;

/**
 * A new folder for a cluster's disks: in memory where there is room, since nothing here has to
 * outlive a power cut, and each fsync of tgtd would wait for a real disk.
 */
export const makeDiskFolder = async (): Promise<string> => {
  const memory = await statfs(memoryFolder).catch(() => undefined);
  const hasRoom = memory !== undefined && memory.bavail * memory.bsize >= freeBytesMin;
  return mkdtemp(join(hasRoom ? memoryFolder : tmpdir(), "stand-in-"));
};
