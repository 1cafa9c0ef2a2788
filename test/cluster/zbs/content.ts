import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";

/* Sparse files, copied and compared where nothing else happens meanwhile: so nothing here waits. */

const pieceBytes = 2 ** 16;
const zeroPiece = new Uint8Array(pieceBytes);

const withFile = <T>(path: string, flags: string, work: (fd: number) => T): T => {
  const fd = openSync(path, flags, 0o600);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
};

export const createSparse = (path: string, sizeBytes: number): void =>
  withFile(path, "wx", (fd) => ftruncateSync(fd, sizeBytes));

export const allocatedBytes = (path: string): number => statSync(path).blocks * 512;

export const growSparse = (path: string, sizeBytes: number): void =>
  withFile(path, "r+", (fd) => ftruncateSync(fd, sizeBytes));

/** A file's content, so many bytes at a time; what it returned is used up with the next. */
export function* contentGroups(path: string, groupBytes: number): Generator<Uint8Array> {
  const fd = openSync(path, "r");
  try {
    const { size, blocks } = fstatSync(fd);
    const group = new Uint8Array(groupBytes);
    for (let offset = 0; offset < size; offset += groupBytes) {
      if (blocks > 0) readSync(fd, group, 0, groupBytes, offset);
      yield group;
    }
  } finally {
    closeSync(fd);
  }
}

/** Writes what a file has, holes too. */
export const fillHoles = (path: string): void =>
  withFile(path, "r+", (fd) => {
    let offset = 0;
    for (const piece of contentGroups(path, pieceBytes)) {
      writeSync(fd, piece, 0, pieceBytes, offset);
      offset += pieceBytes;
    }
  });

/** Makes a file, which may be there and open, hold what another one holds, with its holes. */
export const replaceContent = (path: string, from: string, sizeBytes: number): void =>
  withFile(path, "a", (created) => {
    ftruncateSync(created, 0);
    ftruncateSync(created, sizeBytes);
    withFile(path, "r+", (fd) => {
      let offset = 0;
      for (const piece of contentGroups(from, pieceBytes)) {
        if (Buffer.compare(piece, zeroPiece) !== 0) writeSync(fd, piece, 0, pieceBytes, offset);
        offset += pieceBytes;
      }
    });
  });
