import { headerBytes } from "./opcode.ts";

/** What most headers have. Tags and numbers are unsigned, of 32 bits. */
export interface HeaderFields {
  readonly opcode: number;
  readonly flags?: number;
  /** Of the body, without its padding. */
  readonly dataBytes?: number;
  /** Eight bytes, as `lunAddress` makes them. */
  readonly lun?: Uint8Array;
  readonly taskTag: number;
  /** Bytes 20 to 23: the target's tag, or what else lies there. */
  readonly word20?: number;
  /** Bytes 24 to 27: the number of a command, or what else lies there. */
  readonly word24?: number;
  readonly expStatSn: number;
}

/** A header of 48 bytes, whose further fields the caller fills in. */
export const headerOf = (fields: HeaderFields): Buffer => {
  const { opcode, flags = 0x80, dataBytes = 0, lun, taskTag, word20 = 0, word24 = 0, expStatSn } = fields;
  const header = Buffer.alloc(headerBytes);
  header[0] = opcode;
  header[1] = flags;
  header.writeUIntBE(dataBytes, 5, 3);
  if (lun !== undefined) header.set(lun, 8);
  header.writeUInt32BE(taskTag, 16);
  header.writeUInt32BE(word20, 20);
  header.writeUInt32BE(word24, 24);
  header.writeUInt32BE(expStatSn, 28);
  return header;
};

export const opcodeOf = (header: Buffer): number => header.readUInt8(0) & 0x3f;
export const dataBytesOf = (header: Buffer): number => header.readUIntBE(5, 3);
export const taskTagOf = (header: Buffer): number => header.readUInt32BE(16);
export const targetTagOf = (header: Buffer): number => header.readUInt32BE(20);

/** Bodies are filled up to whole words. */
export const paddingOf = (bytes: number): number => -bytes & 3;

/** Whether a number of 32 bits, which begins again at 0, comes before another (RFC 1982). */
export const isBefore = (number: number, other: number): boolean => ((number - other) | 0) < 0;

export const nextOf = (number: number): number => (number + 1) >>> 0;
