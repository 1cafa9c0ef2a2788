import { blake3 } from "@napi-rs/blake-hash";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { blocksUp, deviceBlockBytes, type LedgerDevice } from "../ledger/device.ts";
import { tooNew } from "../ledger/head.ts";
import { pack, unpack } from "../ledger/packing.ts";

/*
 * A text in an area of a device: a block that says what follows, and the text, compressed. What was
 * written in part is told from what was written.
 */

export interface Area {
  /** Both multiples of a device's block. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Sheet {
  /** Of two areas, the one with the higher number is the newer. */
  readonly number: number;
  readonly text: string;
}

const magic = "smtx-manifest\n";
/** Raised when an older program could no longer understand what lies on a device. */
const format = 1;
const fields = { format: 16, number: 24, storedBytes: 32, contentBytes: 40, digest: 64 };
const digestBytes = 32;
const headDigestOffset = deviceBlockBytes - digestBytes;

/** @throws STORE_FULL where the text is larger than the area, and what the device throws */
export const writeSheet = async (
  device: LedgerDevice,
  area: Area,
  { number, text }: Sheet,
  call?: StorageCall,
): Promise<void> => {
  const content = Buffer.from(text);
  const stored = pack(content);
  const bytes = deviceBlockBytes + blocksUp(stored.length);
  if (bytes > area.bytes) throw tooLarge(device.name, bytes, area);
  const all = Buffer.alloc(bytes);
  all.write(magic, "latin1");
  all.writeUInt32LE(format, fields.format);
  all.writeUIntLE(number, fields.number, 6);
  all.writeUIntLE(stored.length, fields.storedBytes, 6);
  all.writeUIntLE(content.length, fields.contentBytes, 6);
  all.set(stored, deviceBlockBytes);
  all.set(blake3(all.subarray(deviceBlockBytes, deviceBlockBytes + stored.length)), fields.digest);
  all.set(blake3(all.subarray(0, headDigestOffset)), headDigestOffset);
  await device.write(area.offset, all, call);
  await device.flush(call);
};

/**
 * @returns undefined where there is nothing that was written wholly
 * @throws STORE_TOO_NEW, and what the device throws
 */
export const readSheet = async (
  device: Pick<LedgerDevice, "name" | "read">,
  area: Area,
  call?: StorageCall,
): Promise<Sheet | undefined> => {
  const head = await readHead(device, area, call);
  if (head === undefined) return undefined;
  const { number, storedBytes, contentBytes, digest } = head;
  const stored = Buffer.alloc(blocksUp(storedBytes));
  await device.read(area.offset + deviceBlockBytes, stored, call);
  const whole = stored.subarray(0, storedBytes);
  const content = digest.equals(blake3(whole)) ? unpack(whole, contentBytes) : undefined;
  return content && { number, text: Buffer.from(content).toString() };
};

/** Whether nothing has ever begun to be written there. */
export const isBlankArea = async (
  device: Pick<LedgerDevice, "read">,
  area: Area,
  call?: StorageCall,
): Promise<boolean> => {
  const head = Buffer.alloc(deviceBlockBytes);
  await device.read(area.offset, head, call);
  return head.every((byte) => byte === 0);
};

const readHead = async (device: Pick<LedgerDevice, "name" | "read">, area: Area, call: StorageCall | undefined) => {
  const head = Buffer.alloc(deviceBlockBytes);
  await device.read(area.offset, head, call);
  const isWhole = head.subarray(headDigestOffset).equals(blake3(head.subarray(0, headDigestOffset)));
  if (!isWhole || head.toString("latin1", 0, magic.length) !== magic) return undefined;
  const found = head.readUInt32LE(fields.format);
  if (found > format)
    throw tooNew(`The manifests on ${device.name} have format ${found}; this program knows ${format}.`);
  const storedBytes = head.readUIntLE(fields.storedBytes, 6);
  const contentBytes = head.readUIntLE(fields.contentBytes, 6);
  if (deviceBlockBytes + storedBytes > area.bytes || contentBytes > contentBytesMax) return undefined;
  const digest = head.subarray(fields.digest, fields.digest + digestBytes);
  return { number: head.readUIntLE(fields.number, 6), storedBytes, contentBytes, digest };
};

/** A text is in memory whole; strings have a limit of their own. */
const contentBytesMax = 2 ** 29 - 2 ** 20;

const tooLarge = (name: string, bytes: number, area: Area): VisibleError =>
  new VisibleError(
    "STORE_FULL",
    `What is known of the plan's groups takes ${bytes} bytes of ${area.bytes} on ${name}.`,
    {
      hint: "Divide the plan, or keep fewer restore points of it at this cluster.",
    },
  );
