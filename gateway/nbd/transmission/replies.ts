import { VisibleError } from "../../../core/api/errors.ts";
import { errorTextBytesMax } from "../limits.ts";
import { chunk, chunkFlag, magic, nbdError } from "../protocol.ts";
import type { RequestRefusal } from "./requests.ts";

/** @param code 0, or an error of the protocol */
export const simpleReply = (cookie: Uint8Array, code: number): Buffer => {
  const reply = Buffer.allocUnsafe(16);
  reply.writeUInt32BE(magic.simpleReply, 0);
  reply.writeUInt32BE(code, 4);
  reply.set(cookie, 8);
  return reply;
};

/**
 * The header of a chunk, with room behind it for what is always there.
 * @param fixedBytes how much room
 * @param restBytes what follows that, sent apart
 */
const chunkHeader = (options: {
  readonly cookie: Uint8Array;
  readonly type: number;
  readonly isLast: boolean;
  readonly fixedBytes: number;
  readonly restBytes?: number;
}): Buffer => {
  const header = Buffer.allocUnsafe(20 + options.fixedBytes);
  header.writeUInt32BE(magic.structuredReply, 0);
  header.writeUInt16BE(options.isLast ? chunkFlag.done : 0, 4);
  header.writeUInt16BE(options.type, 6);
  header.set(options.cookie, 8);
  header.writeUInt32BE(options.fixedBytes + (options.restBytes ?? 0), 16);
  return header;
};

/** Part of an answer: which one, and whether nothing of it follows. */
export interface ChunkOf {
  readonly cookie: Uint8Array;
  readonly isLast: boolean;
}

export const doneChunk = (cookie: Uint8Array): Buffer =>
  chunkHeader({ cookie, isLast: true, type: chunk.none, fixedBytes: 0 });

/** What comes before `length` bytes of data. */
export const dataChunk = (of: ChunkOf, offset: number, length: number): Buffer => {
  const header = chunkHeader({ ...of, type: chunk.offsetData, fixedBytes: 8, restBytes: length });
  header.writeBigUInt64BE(BigInt(offset), 20);
  return header;
};

export const holeChunk = (of: ChunkOf, offset: number, length: number): Buffer => {
  const header = chunkHeader({ ...of, type: chunk.offsetHole, fixedBytes: 12 });
  header.writeBigUInt64BE(BigInt(offset), 20);
  header.writeUInt32BE(length, 28);
  return header;
};

/** @param stretches in order: how long each is, and its flags */
export const statusChunk = (
  cookie: Uint8Array,
  contextId: number,
  stretches: readonly { readonly length: number; readonly flags: number }[],
): Buffer => {
  const reply = chunkHeader({ cookie, isLast: true, type: chunk.blockStatus, fixedBytes: 4 + 8 * stretches.length });
  reply.writeUInt32BE(contextId, 20);
  for (const [index, { length, flags }] of stretches.entries()) {
    reply.writeUInt32BE(length, 24 + 8 * index);
    reply.writeUInt32BE(flags, 28 + 8 * index);
  }
  return reply;
};

const encoder = new TextEncoder();

/** As much of a text as may be sent, in whole characters. */
const wordsOf = (text: string): Uint8Array => {
  const words = new Uint8Array(errorTextBytesMax);
  return words.subarray(0, encoder.encodeInto(text, words).written);
};

/** @param offset where it happened, if anywhere */
export const errorChunk = (cookie: Uint8Array, { code, text }: RequestRefusal, offset?: number): Buffer => {
  const words = wordsOf(text);
  const fixedBytes = 6 + words.length + (offset === undefined ? 0 : 8);
  const type = offset === undefined ? chunk.error : chunk.errorOffset;
  const reply = chunkHeader({ cookie, isLast: true, type, fixedBytes });
  reply.writeUInt32BE(code, 20);
  reply.writeUInt16BE(words.length, 24);
  reply.set(words, 26);
  if (offset !== undefined) reply.writeBigUInt64BE(BigInt(offset), 26 + words.length);
  return reply;
};

/** What a client is told of an export's error; of a defect it doesn't get the words. */
export const refusalFor = (error: unknown): RequestRefusal => {
  if (!VisibleError.is(error)) return { code: nbdError.io, text: "The server failed. Its log says more." };
  const isFull = error.code === "STORE_FULL" || error.code === "POOL_FULL";
  const text = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  return { code: isFull ? nbdError.noSpace : nbdError.io, text };
};
