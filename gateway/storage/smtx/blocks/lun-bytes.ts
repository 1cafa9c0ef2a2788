import type { Lun } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";

/*
 * Bytes of a volume in a LUN, which takes whole blocks only, and ends where the volume does: what a
 * table of extents has behind that reads as zeros.
 */

/** Fills `into` from byte `offset` of the volume. */
export const readBytes = async (lun: Lun, offset: number, into: Uint8Array, call?: StorageCall): Promise<void> => {
  const there = Math.max(0, Math.min(into.length, lun.sizeBytes - offset));
  into.fill(0, there);
  if (there === 0) return;
  const { blockBytes } = lun;
  const from = offset - (offset % blockBytes);
  const until = Math.ceil((offset + there) / blockBytes) * blockBytes;
  if (from === offset && until === offset + there) return lun.read(offset, into.subarray(0, there), call);
  const blocks = new Uint8Array(until - from);
  await lun.read(from, blocks, call);
  into.set(blocks.subarray(offset - from, offset - from + there));
};

/** What lies behind the LUN's end is dropped. What is no whole block is read first. */
export const writeBytes = async (lun: Lun, offset: number, data: Uint8Array, call?: StorageCall): Promise<void> => {
  const there = Math.max(0, Math.min(data.length, lun.sizeBytes - offset));
  if (there === 0) return;
  const { blockBytes } = lun;
  const from = offset - (offset % blockBytes);
  const until = Math.ceil((offset + there) / blockBytes) * blockBytes;
  if (from === offset && until === offset + there) return lun.write(offset, data.subarray(0, there), call);
  const blocks = new Uint8Array(until - from);
  await lun.read(from, blocks, call);
  blocks.set(data.subarray(0, there), offset - from);
  await lun.write(from, blocks, call);
};
