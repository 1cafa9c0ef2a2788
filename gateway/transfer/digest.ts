import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { asBuffer } from "../storage/block-hash.ts";
import type { ExtentDigest } from "../storage/volume-io.ts";
import { digestBytes } from "./frame/frame.ts";

/** The digests of a volume's extents one behind the other; zeros for a hole. */
export const joinDigests = (digests: readonly ExtentDigest[]): Uint8Array => {
  const joined = new Uint8Array(digests.length * digestBytes);
  digests.forEach((digest, extent) => {
    if (digest !== null) joined.set(digest, extent * digestBytes);
  });
  return joined;
};

/** What a volume is known by: SHA-256 over the digests of its extents. Hexadecimal. */
export const volumeDigest = (joined: Uint8Array): string => createHash("sha256").update(joined).digest("hex");

/** The extents whose digests are not the same; of two volumes of as many extents. */
export const differingExtents = (a: Uint8Array, b: Uint8Array): readonly number[] => {
  assert.equal(a.length, b.length, "digests of another volume");
  const [ours, theirs] = [asBuffer(a), asBuffer(b)];
  const extents: number[] = [];
  for (let from = 0; from < a.length; from += digestBytes) {
    const to = from + digestBytes;
    if (ours.compare(theirs, from, to, from, to) !== 0) extents.push(from / digestBytes);
  }
  return extents;
};
