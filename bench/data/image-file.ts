import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { pageBytes } from "./changes.ts";

/** A raw image that is made or changed. Synchronous: nothing else goes on meanwhile. */
export interface ImageFile {
  readonly sizeBytes: number;
  read(offset: number, length: number): Buffer;
  write(offset: number, data: Uint8Array): void;
  /**
   * The same, but pages of 4 KiB that already have that content are left alone, so
   * that holes stay holes.
   */
  writeChanged(offset: number, data: Buffer): void;
}

/**
 * Opens an image, made with
 * `sizeBytes` of nothing but a hole if that is given, for as long as `use` takes.
 */
export const withImageFile = (file: string, use: (image: ImageFile) => void, sizeBytes?: number): void => {
  const fd = openSync(file, sizeBytes === undefined ? "r+" : "wx+");
  try {
    if (sizeBytes !== undefined) ftruncateSync(fd, sizeBytes);
    use(imageOf(fd));
  } finally {
    closeSync(fd);
  }
};

const imageOf = (fd: number): ImageFile => {
  const read = (offset: number, length: number) => {
    const buffer = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const bytes = readSync(fd, buffer, done, length - done, offset + done);
      if (bytes === 0) throw new RangeError(`the image ends before ${offset + length}`);
      done += bytes;
    }
    return buffer;
  };
  const write = (offset: number, data: Uint8Array) => {
    for (let done = 0; done < data.length; ) done += writeSync(fd, data, done, data.length - done, offset + done);
  };
  const writeChanged = (offset: number, data: Buffer) => {
    const old = read(offset, data.length);
    for (let at = 0; at < data.length; ) {
      const end = Math.min(data.length, at + pageBytes - ((offset + at) % pageBytes));
      if (data.compare(old, at, end, at, end) !== 0) write(offset + at, data.subarray(at, end));
      at = end;
    }
  };
  return { sizeBytes: fstatSync(fd).size, read, write, writeChanged };
};
