import { blockBytes } from "../../../../core/extent/geometry.ts";
import { isBlock } from "../data/codec.ts";
import { forgetDamage } from "../data/damage.ts";
import type { Store } from "../data/store.ts";

const recheckedMax = 256;

/**
 * Reads blocks that were noted as damaged, and forgets that of those which are as they should be: a
 * disk was not mounted, or a cable loose. Some of them by chance, when there are many, so that all
 * have their turn; and none after one that the disk can't read, which takes it long to say.
 */
export const recheckDamage = ({ database, files }: Store): void => {
  const noted = database.all<{ fileId: number; offset: number; storedBytes: number; hash: Uint8Array }>(
    "SELECT * FROM damagedBlocks ORDER BY random() LIMIT ?",
    recheckedMax,
  );
  if (noted.length === 0) return;
  const [stored, scratch] = [Buffer.allocUnsafe(blockBytes), Buffer.allocUnsafe(blockBytes)];
  for (const block of noted) {
    const bytes = stored.subarray(0, block.storedBytes);
    const had = files.read(block.fileId, block.offset, bytes);
    if (had === undefined) continue;
    if (had < bytes.length) return;
    if (isBlock(bytes, block.hash, scratch)) database.transaction(() => forgetDamage(database, block));
  }
};
