import { createHash } from "node:crypto";
import type { ExtentDigest } from "../storage/volume-io.ts";
import { digestBytes } from "./frame/frame.ts";

const hole = new Uint8Array(digestBytes);

/** The digests of a volume's extents one behind the other; zeros for a hole. */
export const joinDigests = (digests: readonly ExtentDigest[]): Uint8Array =>
  Buffer.concat(digests.map((digest) => digest ?? hole));

/** What a volume is known by: SHA-256 over the digests of its extents. Hexadecimal. */
export const volumeDigest = (joined: Uint8Array): string => createHash("sha256").update(joined).digest("hex");

/** The extents whose digests are not the same. */
export const differingExtents = (a: Uint8Array, b: Uint8Array): readonly number[] =>
  Array.from({ length: Math.max(a.length, b.length) / digestBytes }, (_, extent) => extent).filter((extent) => {
    const [from, to] = [extent * digestBytes, (extent + 1) * digestBytes];
    return Buffer.compare(a.subarray(from, to), b.subarray(from, to)) !== 0;
  });
