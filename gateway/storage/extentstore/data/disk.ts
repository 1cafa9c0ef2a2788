import { closeSync, constants, fdatasync, fsyncSync, openSync, readSync, rmSync, statfsSync, writeSync } from "node:fs";

/**
 * What the data files need of the operating system: a seam, at which a test is a disk that fails or
 * is late.
 */
export interface Disk {
  /** Makes a file that must not be there yet, to be written and read. @returns its descriptor */
  create(path: string): number;
  /** Opens a file to be read. @returns its descriptor */
  open(path: string): number;
  /**
   * @returns the bytes that were read, which may be fewer than there is room for; 0 at the end of
   *   the file
   */
  read(fd: number, into: Uint8Array, offset: number): number;
  /** @returns the bytes that were written, which may be fewer than there are */
  write(fd: number, bytes: Uint8Array, offset: number): number;
  /** Makes a file's content durable. */
  sync(fd: number): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): void;
  close(fd: number): void;
  /** Removes a file, if it is there. */
  remove(path: string): void;
  /** Bytes that are free where a folder lies. */
  freeBytes(folder: string): number;
}

/**
 * Lets go of a descriptor. What closing complains of is of no use to anybody: the descriptor is
 * gone all the same (close(2)), and what has to be durable was synced before.
 */
export const closeQuietly = (disk: Pick<Disk, "close">, fd: number): void => {
  try {
    disk.close(fd);
  } catch {
    // See above.
  }
};

export const systemDisk: Disk = {
  create: (path) => openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600),
  open: (path) => openSync(path, "r"),
  read: (fd, into, offset) => readSync(fd, into, 0, into.byteLength, offset),
  write: (fd, bytes, offset) => writeSync(fd, bytes, 0, bytes.byteLength, offset),
  sync: (fd) =>
    new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))),
  syncFolder: (path) => {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  close: closeSync,
  remove: (path) => rmSync(path, { force: true }),
  freeBytes: (folder) => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  },
};
