import { blake3 } from "@napi-rs/blake-hash";
import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";

const magic = "smtx-ledger\n";
/** Raised when an older program could no longer understand what lies on a device. */
const format = 1;
/** What a device writes wholly or not at all. A head is one of the first block's first two. */
const sectorBytes = 512;
const textOffset = 20;
const digestOffset = sectorBytes - 32;

/** Of the database: it is taken into memory whole. */
export const imageBytesMax = 1024 * 1024 * 1024;

const count = z.int().min(0);
const digest = z.string().length(64);

const headSchema = z.object({
  /** Of the ledger, made with it. */
  id: z.string(),
  /** Grows with every head that is written. Number 0 marks a device that is being made a ledger. */
  number: count,
  /** Of the checkpoint. */
  generation: count,
  /** Where it and its log are. */
  half: z.object({ offset: count, bytes: count }),
  checkpoint: z.object({
    storedBytes: count,
    imageBytes: count.max(imageBytesMax),
    digest,
    sequence: count,
    chain: digest,
  }),
  /** How many bytes of records there are behind the checkpoint, and what the last of them is. */
  logBytes: count,
  sequence: count,
  chain: digest,
});
export type LedgerHead = z.infer<typeof headSchema>;

export interface FoundHeads {
  readonly newest: LedgerHead | undefined;
  /** One of the two is neither whole nor empty: a newer one may have been there. */
  readonly hasDamage: boolean;
}

/**
 * The heads in a device's first block.
 * @param name of the device
 * @throws STORE_TOO_NEW
 */
export const readHeads = (block: Uint8Array, name: string): FoundHeads => {
  const heads = [0, 1].map((slot) => readHead(block.subarray(slot * sectorBytes, (slot + 1) * sectorBytes), name));
  const whole = heads.filter((head) => typeof head === "object").toSorted((a, b) => b.number - a.number);
  const [newest] = whole;
  const hasDamage = heads.includes("damaged") || (newest !== undefined && newest.number > 0 && whole.length < 2);
  return { newest, hasDamage };
};

/** The block with a new head in the place of the one before the newest. */
export const withHead = (block: Uint8Array, head: LedgerHead): Uint8Array => {
  const next = Uint8Array.from(block);
  const sector = Buffer.from(next.buffer, (head.number % 2) * sectorBytes, sectorBytes).fill(0);
  const text = Buffer.from(JSON.stringify(head));
  if (text.length > digestOffset - textOffset) throw new RangeError("a head does not fit into a sector");
  sector.write(magic, "latin1");
  sector.writeUInt32LE(format, magic.length);
  sector.writeUInt32LE(text.length, magic.length + 4);
  sector.set(text, textOffset);
  sector.set(blake3(sector.subarray(0, digestOffset)), digestOffset);
  return next;
};

const readHead = (bytes: Uint8Array, name: string): LedgerHead | "empty" | "damaged" => {
  const sector = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (sector.every((byte) => byte === 0)) return "empty";
  const digest = blake3(sector.subarray(0, digestOffset));
  if (!sector.subarray(digestOffset).equals(digest) || sector.toString("latin1", 0, magic.length) !== magic) {
    return "damaged";
  }
  const found = sector.readUInt32LE(magic.length);
  if (found > format) throw tooNew(`The ledger on ${name} has format ${found}; this program knows up to ${format}.`);
  const length = Math.min(sector.readUInt32LE(magic.length + 4), digestOffset - textOffset);
  return headSchema.parse(JSON.parse(sector.toString("utf8", textOffset, textOffset + length)));
};

export const tooNew = (message: string): VisibleError =>
  new VisibleError("STORE_TOO_NEW", message, {
    hint: "Use the version of smtx-backup that wrote it, or a newer one.",
  });
