import type { Lun } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";

const pieceBytes = 4 * 1024 * 1024;

/**
 * Writes what one LUN has into another, which is new and at least as large. What is thin stays so.
 * @returns how many bytes there were
 */
export const copyLun = async (from: Lun, to: Lun, call?: StorageCall): Promise<number> => {
  const bytes = new Uint8Array(pieceBytes);
  let copiedBytes = 0;
  for (let offset = 0; offset < from.sizeBytes; offset += pieceBytes) {
    const length = Math.min(pieceBytes, from.sizeBytes - offset);
    const ranges = (await from.mapped(offset, length, call)) ?? [{ offset, length, isMapped: true }];
    for (const range of ranges) {
      if (!range.isMapped) continue;
      const part = bytes.subarray(0, range.length);
      await from.read(range.offset, part, call);
      await to.write(range.offset, part, call);
      copiedBytes += range.length;
      call?.onMoved?.();
    }
  }
  await to.flush(call);
  return copiedBytes;
};
