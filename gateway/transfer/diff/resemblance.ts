/** Samples that are looked for, evenly spread. */
const samples = 3;
/** So long that they are not found in other content by chance. */
const sampleBytes = 32;
/** One may be found because it is something common, such as a stretch of the same byte. */
const foundMin = 2;

/**
 * Whether much of `content` is in `other`, at whatever place: what a compressor would find out at a
 * hundred times the cost. A guess, which may be wrong either way.
 */
export const resembles = (content: Uint8Array, other: Uint8Array): boolean => {
  const where = Buffer.from(other.buffer, other.byteOffset, other.byteLength);
  const stepBytes = content.length / samples;
  let found = 0;
  for (let sample = 0; sample < samples; sample++) {
    const at = Math.floor((sample + 0.5) * stepBytes);
    if (where.includes(Buffer.from(content.buffer, content.byteOffset + at, sampleBytes))) found++;
    if (found >= foundMin) return true;
    if (found + (samples - 1 - sample) < foundMin) return false;
  }
  return false;
};
