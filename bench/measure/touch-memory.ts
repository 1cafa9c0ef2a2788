import { open, rm } from "node:fs/promises";
import { freemem } from "node:os";
import { join } from "node:path";

const pieceBytes = 4 * 1024 * 1024;
/** A virtual machine whose host is slow to give memory still has ten times that. */
const bytesPerSecondMin = 40e6;
/** For a moment a machine may have other things to do. */
const pauseSeconds = 30;

/**
 * As much as is wanted, but half of what is available at most: the page cache is to keep what is
 * read next.
 */
export const bytesToTouch = (wantedBytes: number, availableBytes: number): number =>
  Math.floor(Math.min(wantedBytes, availableBytes / 2));

/**
 * Has the host of a virtual machine give memory before the clock starts. The first touch of memory
 * that it took back while it was free costs ten times the copy into it; who meets that is chance,
 * and no tool's doing. So call it directly before what is timed: a moment later the host begins to
 * take back again.
 *
 * It reads a file that is nothing but a hole, and removes it. Pages that the page cache gives up
 * are the next that it takes, whereas those that a process gives up when it ends are not; and of a
 * hole nothing is written to the disk. (In a folder in memory, tmpfs, a hole takes no pages, and
 * this does nothing.)
 *
 * @param dir on the file system that is written to next
 * @throws Error when it takes too long, and what the file system throws
 */
export const touchMemory = async (dir: string, wantedBytes: number): Promise<void> => {
  const bytes = bytesToTouch(wantedBytes, freemem());
  const file = join(dir, "touched");
  const handle = await open(file, "wx+");
  try {
    await handle.truncate(bytes);
    const buffer = Buffer.allocUnsafe(pieceBytes);
    const begun = performance.now();
    for (let offset = 0; offset < bytes; offset += pieceBytes) {
      await handle.read(buffer, 0, pieceBytes, offset);
      const seconds = (performance.now() - begun) / 1000;
      if (seconds > pauseSeconds + bytes / bytesPerSecondMin) {
        throw new Error(`${offset} bytes of memory took ${seconds.toFixed(0)} s to touch: this machine is too busy`);
      }
    }
  } finally {
    await handle.close();
    await rm(file);
  }
};
