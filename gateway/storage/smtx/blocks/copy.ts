import type { Lun } from "../../../iscsi/lun/lun.ts";
import { isSame } from "../../block-hash.ts";
import type { StorageCall } from "../../call.ts";
import type { OpenClone } from "./believed-holes.ts";

const pieceBytes = 4 * 1024 * 1024;
const partBytes = 64 * 1024;
const zeros = new Uint8Array(partBytes);

/**
 * Writes what a clone has into a LUN that is new and at least as large. What is thin stays so.
 * @returns how many bytes were read
 */
export const copyLun = async ({ lun, holes }: OpenClone, to: Lun, call?: StorageCall): Promise<number> => {
  const bytes = new Uint8Array(pieceBytes);
  let bytesRead = 0;
  for (let at = 0; at < lun.sizeBytes; at += pieceBytes) {
    const whole = { offset: at, length: Math.min(pieceBytes, lun.sizeBytes - at), isMapped: true };
    for (const { offset, length, isMapped } of (await holes?.rangesOf(whole.offset, whole.length, call)) ?? [whole]) {
      if (!isMapped) continue;
      const read = bytes.subarray(0, length);
      await lun.read(offset, read, call);
      for (const [from, until] of contentIn(read)) await to.write(offset + from, read.subarray(from, until), call);
      bytesRead += length;
      call?.onMoved?.();
    }
  }
  await to.flush(call);
  return bytesRead;
};

/** Parts that aren't zeros, with those behind them. */
function* contentIn(bytes: Uint8Array): Generator<readonly [from: number, until: number]> {
  let from: number | undefined;
  for (let at = 0; at < bytes.length; at += partBytes) {
    const part = bytes.subarray(at, at + partBytes);
    const isZero = isSame(part, zeros.subarray(0, part.length));
    if (isZero && from !== undefined) yield [from, at];
    from = isZero ? undefined : (from ?? at);
  }
  if (from !== undefined) yield [from, bytes.length];
}
