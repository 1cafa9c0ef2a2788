import type { Lun } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";
import { type ProbeGround, stripeBytes } from "./ground.ts";
import { no, type SeenAnswer, seenBy, yes } from "./seen.ts";

const readBytes = 1024 * 1024;
const farBytes = 4096;

/**
 * Whether what a clone says to have nothing of reads as zeros. Its content comes from two
 * snapshots: between them a little is written where the LUN had nothing.
 */
export const tellsHoles = (ground: ProbeGround, call: StorageCall): Promise<SeenAnswer> =>
  seenBy(async () => {
    const lun = await ground.lun("sparse", call);
    await ground.write(lun, ground.content.subarray(0, stripeBytes), call);
    await ground.snapshot(lun, "sparse-before", call);
    const far = ground.sizeBytes - stripeBytes;
    await ground.write(lun, ground.content.subarray(0, farBytes), { at: far, ...call });
    const snapshot = await ground.snapshot(lun, "sparse-after", call);
    const clone = await ground.clone(snapshot, "sparse-clone", call);
    return ground.whileOpen(clone, (open) => holesOf(open, call), call);
  }, call);

/** All of the holes is read. */
export const holesOf = async (
  lun: Pick<Lun, "mapped" | "read" | "sizeBytes">,
  call: StorageCall,
): Promise<SeenAnswer> => {
  const { sizeBytes } = lun;
  const ranges = await lun.mapped(0, sizeBytes, call);
  if (ranges === undefined) return no("A clone does not say what it has (GET LBA STATUS).");
  const holes = ranges.filter(({ isMapped }) => !isMapped);
  const emptyBytes = holes.reduce((sum, { length }) => sum + length, 0);
  if (emptyBytes === 0) return no(`A clone says that it has all of its ${sizeBytes} bytes.`);
  const into = new Uint8Array(readBytes);
  for (const { offset, length } of holes) {
    for (let done = 0; done < length; done += into.length) {
      const piece = into.subarray(0, Math.min(into.length, length - done));
      await lun.read(offset + done, piece, call);
      call.onMoved?.();
      if (piece.some((byte) => byte !== 0)) {
        return no(`A clone says that it has nothing from byte ${offset + done} on, and has something there.`);
      }
    }
  }
  return yes(`A clone says that it has nothing in ${emptyBytes} of ${sizeBytes} bytes, and there are zeros.`);
};
