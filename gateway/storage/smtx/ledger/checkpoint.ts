import { blake3 } from "@napi-rs/blake-hash";
import type { StorageCall } from "../../call.ts";
import { blocksUp, type LedgerDevice } from "./device.ts";
import type { LedgerHead } from "./head.ts";
import { pack, unpack } from "./packing.ts";

/** An image of the database, as it lies on the device. */
export interface PackedImage {
  readonly stored: Uint8Array;
  readonly imageBytes: number;
  readonly digest: string;
}

export const packImage = (image: Uint8Array): PackedImage => {
  const stored = pack(image);
  return { stored, imageBytes: image.length, digest: digestOf(stored) };
};

/** Writes it to the device in whole blocks, unflushed. */
export const writeImage = async (device: LedgerDevice, offset: number, stored: Uint8Array): Promise<void> => {
  const blocks = new Uint8Array(blocksUp(stored.length));
  blocks.set(stored);
  await device.write(offset, blocks);
};

/** The image of the head's checkpoint; undefined where it is not what was written. */
export const readImage = async (
  device: LedgerDevice,
  head: LedgerHead,
  call?: StorageCall,
): Promise<Uint8Array | undefined> => {
  const { storedBytes, imageBytes, digest } = head.checkpoint;
  const blocks = new Uint8Array(blocksUp(storedBytes));
  await device.read(head.half.offset, blocks, call);
  const stored = blocks.subarray(0, storedBytes);
  return digestOf(stored) === digest ? unpack(stored, imageBytes) : undefined;
};

const digestOf = (stored: Uint8Array): string =>
  blake3(Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)).toString("hex");
