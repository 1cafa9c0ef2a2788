import { withImageFile } from "../data/image-file.ts";

/** Of all extents of two images of the same size in which they differ. */
export const bytesOfDifferingExtents = (one: string, other: string, extentBytes: number): number => {
  let bytes = 0;
  withImageFile(one, (a) => {
    withImageFile(other, (b) => {
      for (let offset = 0; offset < a.sizeBytes; offset += extentBytes) {
        if (!a.read(offset, extentBytes).equals(b.read(offset, extentBytes))) bytes += extentBytes;
      }
    });
  });
  return bytes;
};
