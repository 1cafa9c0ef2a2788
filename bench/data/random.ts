import { createHash } from "node:crypto";

/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number;
  /**
   * The same, but each doubling is as likely as the next: small ones are common, large ones rare.
   */
  logWhole(min: number, max: number): number;
}

/** 16 bytes of a seed for one purpose: a key, or the start of a sequence. */
export const seedBytes = (seed: string, purpose: string): Buffer =>
  createHash("sha256").update(`${purpose}/${seed}`).digest().subarray(0, 16);

/** sfc32, the small fast counter of PractRand (https://pracrand.sourceforge.net). */
export const createRandom = (seed: string, purpose: string): Random => {
  const start = seedBytes(seed, purpose);
  let [a, b, c, counter] = [start.readInt32LE(0), start.readInt32LE(4), start.readInt32LE(8), start.readInt32LE(12)];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  const whole = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    whole,
    logWhole: (min, max) => Math.min(max, Math.floor(min * ((max + 1) / min) ** next())),
  };
};
