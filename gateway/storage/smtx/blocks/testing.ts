import { randomBytes } from "node:crypto";
import type { Lun, MappedRange } from "../../../iscsi/lun/lun.ts";

const blockBytes = 512;

/** A LUN in memory that has something in some of its 64 KiB, and says so, or does not. */
export const sparseLun = (
  sizeBytes: number,
  written: readonly number[],
  told: "truth" | "nothing" | "lies" = "truth",
) => {
  const unit = 64 * 1024;
  const content = Buffer.alloc(sizeBytes);
  const isWritten = new Array<boolean>(Math.ceil(sizeBytes / unit)).fill(false);
  for (const at of written) {
    isWritten[at % isWritten.length] = true;
    const from = (at % isWritten.length) * unit;
    randomBytes(Math.min(unit, sizeBytes - from)).copy(content, from);
  }
  const reads: MappedRange[] = [];
  const asked: number[] = [];
  const lun: Pick<Lun, "blockBytes" | "sizeBytes" | "read" | "mapped" | "close"> = {
    blockBytes,
    sizeBytes,
    read: async (offset, into) => {
      reads.push({ offset, length: into.length, isMapped: true });
      content.copy(into, 0, offset, offset + into.length);
    },
    mapped: async (offset, length) => {
      asked.push(offset);
      if (told === "nothing") return undefined;
      const ranges: MappedRange[] = [];
      for (let at = offset; at < offset + length; ) {
        const until = Math.min(offset + length, (Math.floor(at / unit) + 1) * unit);
        const isMapped = told === "truth" && isWritten[Math.floor(at / unit)] === true;
        const last = ranges.at(-1);
        if (last?.isMapped === isMapped) ranges[ranges.length - 1] = { ...last, length: until - last.offset };
        else ranges.push({ offset: at, length: until - at, isMapped });
        at = until;
      }
      return ranges;
    },
    close: async () => undefined,
  };
  return { lun: lun as Lun, content, reads, asked };
};
