/** Blocks that are alike: mapped ones have content, others read as zeros. */
export interface MappedBlocks {
  readonly block: number;
  readonly blocks: number;
  readonly isMapped: boolean;
}

const headBytes = 8;
const descriptorBytes = 16;
export const lbaStatusBytes = headBytes + 1024 * descriptorBytes;

/**
 * The descriptors of GET LBA STATUS (SBC-3, 5.6). The first may begin before the block that was
 * asked for.
 */
export function* lbaStatusOf(answer: Buffer): Generator<MappedBlocks> {
  for (let at = headBytes; at + descriptorBytes <= answer.length; at += descriptorBytes) {
    const block = Number(answer.readBigUInt64BE(at));
    const blocks = answer.readUInt32BE(at + 8);
    // Anchored blocks have space, but no content.
    yield { block, blocks, isMapped: (answer.readUInt8(at + 12) & 0xf) === 0 };
  }
}

/** The list of UNMAP, with one range. */
export const unmapList = (block: bigint, blocks: number): Buffer => {
  const list = Buffer.alloc(headBytes + descriptorBytes);
  list.writeUInt16BE(list.length - 2, 0);
  list.writeUInt16BE(descriptorBytes, 2);
  list.writeBigUInt64BE(block, headBytes);
  list.writeUInt32BE(blocks, headBytes + 8);
  return list;
};
