import { randomUUID } from "node:crypto";
import { blake3 } from "@napi-rs/blake-hash";
import { blocksUp, deviceBlockBytes, type LedgerDevice } from "./device.ts";
import { full } from "./errors.ts";
import type { LedgerHead } from "./head.ts";
import type { LogPosition } from "./record.ts";

/** Less than that is no room for a database with a log. */
const halfBytesMin = 256 * 1024;

const chainOf = (text: string): string => blake3(Buffer.from(text)).toString("hex");

/** Of a device that is being made a ledger. @throws STORE_FULL where it is too small */
export const blankHead = (device: LedgerDevice): LedgerHead => {
  const half = { offset: deviceBlockBytes, bytes: 0 };
  if (nextHalf(device, half).bytes < halfBytesMin) throw full(device.name);
  const id = randomUUID();
  const position = { sequence: 0, chain: chainOf(id) };
  const checkpoint = { storedBytes: 0, imageBytes: 0, digest: chainOf(""), ...position };
  return { id, number: 0, generation: 0, half, checkpoint, logBytes: 0, ...position };
};

/**
 * Where the next checkpoint and its log go: before what counts now or after it, wherever there is
 * more. Of a device that has grown to twice its size that is where it has.
 */
export const nextHalf = ({ sizeBytes }: LedgerDevice, half: LedgerHead["half"]): LedgerHead["half"] => {
  const blocks = Math.floor(sizeBytes / deviceBlockBytes);
  const before = half.offset - deviceBlockBytes;
  const after = blocks * deviceBlockBytes - half.offset - half.bytes;
  if (before >= after) return { offset: deviceBlockBytes, bytes: before };
  const bytes = Math.min(after, Math.floor((blocks - 1) / 2) * deviceBlockBytes);
  return { offset: blocks * deviceBlockBytes - bytes, bytes };
};

/** Where the next record goes. */
export const logOffset = ({ half, checkpoint, logBytes }: LedgerHead): number =>
  half.offset + blocksUp(checkpoint.storedBytes) + logBytes;

/** What is free for records. */
export const roomBytes = (head: LedgerHead): number => head.half.offset + head.half.bytes - logOffset(head);

/** Whether all that a head names lies on the device, where it should. */
export const isOn = (head: LedgerHead, { sizeBytes }: LedgerDevice): boolean =>
  head.half.offset >= deviceBlockBytes && head.half.offset + head.half.bytes <= sizeBytes && roomBytes(head) >= 0;

/** A position that no record has led to. */
export const moved = ({ sequence, chain }: LogPosition): LogPosition => ({
  sequence: sequence + 1,
  chain: chainOf(`another form after ${chain}`),
});
