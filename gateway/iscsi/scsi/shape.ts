/**
 * What a LUN is, from its answers to INQUIRY and READ CAPACITY(16) (SPC-4, 6.4 and 7.8; SBC-3,
 * 5.16).
 */

export interface DiskIdentity {
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
}

export const inquiryBytes = 96;

/** @returns undefined for what is no disk, or not there */
export const diskIdentityOf = (inquiry: Buffer): DiskIdentity | undefined => {
  // Type 0 is a disk; the upper bits say that a LUN of this number is not there.
  if (inquiry.length < 36 || inquiry[0] !== 0) return undefined;
  const text = (from: number, to: number) => inquiry.toString("latin1", from, to).trim();
  return { vendor: text(8, 16), product: text(16, 32), revision: text(32, 36) };
};

export const capacityBytes = 32;

export interface DiskCapacity {
  readonly blockBytes: number;
  readonly blocks: number;
}

/** @returns undefined for what can't be */
export const capacityOf = (answer: Buffer): DiskCapacity | undefined => {
  if (answer.length < 12) return undefined;
  const [last, blockBytes] = [answer.readBigUInt64BE(0), answer.readUInt32BE(8)];
  const isBlock = blockBytes >= 512 && blockBytes <= 65_536 && (blockBytes & (blockBytes - 1)) === 0;
  const blocks = Number(last) + 1;
  return isBlock && Number.isSafeInteger(blocks * blockBytes) ? { blockBytes, blocks } : undefined;
};

export const blockLimitsPage = 0xb0;
export const blockLimitsBytes = 64;

/** Zero where a LUN tells no limit. */
export interface BlockLimits {
  readonly transferBlocksMax: number;
  readonly unmapBlocksMax: number;
}

export const blockLimitsOf = (page: Buffer): BlockLimits => ({
  transferBlocksMax: page.length >= 12 ? page.readUInt32BE(8) : 0,
  unmapBlocksMax: page.length >= 24 ? page.readUInt32BE(20) : 0,
});
