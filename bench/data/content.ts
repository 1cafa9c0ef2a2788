import { createCipheriv } from "node:crypto";
import { seedBytes } from "./random.ts";

/** So much is of one kind: random, or records. */
export const cellBytes = 16 * 1024;
/** Of 256 cells, so many are random; Zstandard at level 1 makes about half of the whole then. */
const randomCells = 88;
const wordBytes = 4;
const aesBlockBytes = 16;

interface Template {
  /** The part of a record that all have. */
  readonly words: Uint32Array;
  /** Words after it that differ from record to record. */
  readonly variableWords: number;
}

const template = (text: string, variableWords: number): Template => {
  const record = Buffer.from(text.padEnd(Math.ceil(text.length / wordBytes) * wordBytes));
  const words = Uint32Array.from({ length: record.length / wordBytes }, (_, at) => record.readUInt32LE(at * wordBytes));
  return { words, variableWords };
};

/** Lines of a log, rows of a table, nodes of an index. */
const templates: readonly Template[] = [
  template('{"level":"info","message":"request completed","status":200,"tenant":"0001","id":"', 4),
  template("2026 account=0000 currency=EUR state=settled balance=", 3),
  template(`page${"\0".repeat(12)}node\x01\0\x02${"\0".repeat(9)}`, 3),
];

export interface Content {
  readonly seed: string;
  /** Contents of different names differ in every 4 KiB. */
  readonly name: string;
}

/**
 * What a volume holds from byte `offset` on: cells of 16 KiB that are either random, from the
 * key stream of AES-128 in counter mode, or records with a few random fields. No two cells are
 * alike, and the same place always has the same content. `offset` and `length` are multiples of
 * 4 KiB; about 1 GB/s.
 */
export const contentAt = (content: Content, offset: number, length: number): Buffer => {
  const begin = offset - (offset % cellBytes);
  const cells = keyStream(content, begin, Math.ceil((offset + length - begin) / cellBytes) * cellBytes);
  for (let at = 0; at < cells.length; at += cellBytes) shapeCell(cells.subarray(at, at + cellBytes));
  return cells.subarray(offset - begin, offset - begin + length);
};

const keyStream = ({ seed, name }: Content, offset: number, length: number): Buffer => {
  const counter = Buffer.alloc(aesBlockBytes);
  counter.writeBigUInt64BE(BigInt(offset / aesBlockBytes), 8);
  const cipher = createCipheriv("aes-128-ctr", seedBytes(seed, `content ${name}`), counter);
  return cipher.update(zeros(length));
};

let zeroBuffer = Buffer.alloc(0);
const zeros = (length: number): Buffer => {
  if (zeroBuffer.length < length) zeroBuffer = Buffer.alloc(length);
  return zeroBuffer.subarray(0, length);
};

/**
 * Two bytes of the cell say what it becomes; records are written over the key stream, which
 * shows in their fields.
 */
const shapeCell = (cell: Buffer): void => {
  const [kind = 0, choice = 0] = cell;
  const chosen = templates[choice % templates.length];
  if (kind < randomCells || chosen === undefined) return;
  const words = new Uint32Array(cell.buffer, cell.byteOffset, cell.length / wordBytes);
  const { words: common, variableWords } = chosen;
  for (let record = 0; record < words.length; record += common.length + variableWords) {
    const end = Math.min(common.length, words.length - record);
    for (let at = 0; at < end; at++) words[record + at] = common[at] ?? 0;
  }
};
