import { blockSizes } from "../limits.ts";
import { info, magic, optionReply } from "../protocol.ts";

/** The server's first words. @param flags of the handshake */
export const greeting = (flags: number): Buffer => {
  const words = Buffer.alloc(18);
  words.writeBigUInt64BE(magic.greeting, 0);
  words.writeBigUInt64BE(magic.options, 8);
  words.writeUInt16BE(flags, 16);
  return words;
};

/** @param type of `optionReply` */
export const replyTo = (option: number, type: number, data: Uint8Array | string = ""): Buffer => {
  const bytes = Buffer.from(data);
  const header = Buffer.alloc(20);
  header.writeBigUInt64BE(magic.optionReply, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(type, 12);
  header.writeUInt32BE(bytes.length, 16);
  return Buffer.concat([header, bytes]);
};

/** What is behind an option's reply: numbers of so many bytes, and texts. */
const fields = (...parts: readonly (readonly [bytes: 2 | 4 | 8, value: number] | string)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(part);
      const [bytes, value] = part;
      const field = Buffer.alloc(8);
      field.writeBigUInt64BE(BigInt(value));
      return field.subarray(8 - bytes);
    }),
  );

export const listed = (option: number, name: string): Buffer =>
  replyTo(option, optionReply.server, fields([4, Buffer.byteLength(name)], name));

export const contextNamed = (option: number, id: number, name: string): Buffer =>
  replyTo(option, optionReply.metaContext, fields([4, id], name));

export const exportInfo = (option: number, sizeBytes: number, flags: number): Buffer =>
  replyTo(option, optionReply.info, fields([2, info.export], [8, sizeBytes], [2, flags]));

export const blockSizeInfo = (option: number): Buffer =>
  replyTo(
    option,
    optionReply.info,
    fields([2, info.blockSize], [4, blockSizes.min], [4, blockSizes.preferred], [4, blockSizes.max]),
  );

/** @param kind the name, or the description */
export const textInfo = (option: number, kind: number, text: string): Buffer =>
  replyTo(option, optionReply.info, fields([2, kind], text));

/** The answer to `EXPORT_NAME`, which has no header. */
export const exportAtOnce = (sizeBytes: number, flags: number, zeroes: boolean): Buffer =>
  Buffer.concat([fields([8, sizeBytes], [2, flags]), Buffer.alloc(zeroes ? 124 : 0)]);
