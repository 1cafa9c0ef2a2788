import { randomUUID } from "node:crypto";
import { blake3 } from "@napi-rs/blake-hash";
import { blocksUp, deviceBlockBytes, type LedgerDevice } from "./device.ts";
import { full } from "./errors.ts";
import { halfOffset, type LedgerHead } from "./head.ts";
import type { LogPosition } from "./record.ts";

/** Less than that is no room for a database with a log. */
const halfBytesMin = 256 * 1024;

const chainOf = (text: string): string => blake3(Buffer.from(text)).toString("hex");

/** Of a device that is being made a ledger. @throws STORE_FULL where it is too small */
export const blankHead = (device: LedgerDevice): LedgerHead => {
  const halfBytes = largestHalf(device);
  if (halfBytes < halfBytesMin) throw full(device.name);
  const id = randomUUID();
  const position = { sequence: 0, chain: chainOf(id) };
  const checkpoint = { storedBytes: 0, imageBytes: 0, digest: chainOf(""), ...position };
  return { id, number: 0, generation: 1, halfBytes, checkpoint, logBytes: 0, ...position };
};

/**
 * How large the halves are from the next checkpoint on. The second half may only grow while nothing
 * that counts lies in it.
 */
export const halfBytesOf = (device: LedgerDevice, { generation, halfBytes }: LedgerHead): number =>
  generation % 2 === 0 ? Math.max(halfBytes, largestHalf(device)) : halfBytes;

const largestHalf = ({ sizeBytes }: LedgerDevice): number => {
  const bytes = Math.floor((sizeBytes - deviceBlockBytes) / 2);
  return Math.max(0, bytes - (bytes % deviceBlockBytes));
};

/** Where the next record goes. */
export const logOffset = (head: LedgerHead): number =>
  halfOffset(head) + blocksUp(head.checkpoint.storedBytes) + head.logBytes;

/** What is free for records. */
export const roomBytes = (head: LedgerHead): number => halfOffset(head) + head.halfBytes - logOffset(head);

/** Whether all that a head names lies on the device, where it should. */
export const isOn = (head: LedgerHead, { sizeBytes }: LedgerDevice): boolean =>
  deviceBlockBytes + 2 * head.halfBytes <= sizeBytes && roomBytes(head) >= 0;

/** A position that no record has led to. */
export const moved = ({ sequence, chain }: LogPosition): LogPosition => ({
  sequence: sequence + 1,
  chain: chainOf(`another form after ${chain}`),
});
