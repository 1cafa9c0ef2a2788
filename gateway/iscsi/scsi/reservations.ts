/** The data of PERSISTENT RESERVE IN and OUT (SPC-4, 6.15 and 6.16). */

export interface RegisteredKeys {
  /** Counts the changes of the registrations. */
  readonly generation: number;
  /** One for each session that registered. */
  readonly keys: readonly bigint[];
}

export interface ReservationHolder {
  readonly key: bigint;
  /** 5 is write exclusive, registrants only. */
  readonly type: number;
}

const headBytes = 8;
const keyBytes = 8;
export const keysBytes = headBytes + 1024 * keyBytes;
export const holderBytes = 24;

export const keysOf = (answer: Buffer): RegisteredKeys => {
  const end = Math.min(answer.length, headBytes + (answer.length < headBytes ? 0 : answer.readUInt32BE(4)));
  const keys: bigint[] = [];
  for (let at = headBytes; at + keyBytes <= end; at += keyBytes) keys.push(answer.readBigUInt64BE(at));
  return { generation: answer.length < 4 ? 0 : answer.readUInt32BE(0), keys };
};

/** @returns undefined when nobody holds it */
export const holderOf = (answer: Buffer): ReservationHolder | undefined => {
  if (answer.length < holderBytes || answer.readUInt32BE(4) < 16) return undefined;
  return { key: answer.readBigUInt64BE(8), type: answer.readUInt8(21) & 0xf };
};

/** @param key ours; 0 where none is looked at. @param other the new one, or the one that goes */
export const reserveList = (key: bigint, other = 0n): Buffer => {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(key, 0);
  list.writeBigUInt64BE(other, 8);
  return list;
};
