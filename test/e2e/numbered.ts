/**
 * Writes that are numbered from 1 on, one after the other, round robin over all volumes: write n
 * goes to volume (n - 1) mod `volumes`, there to the next cell, and when all cells have been
 * written to the first one again.
 */
export const cellBytes = 4096;
export const cells = 64;

export interface WriteOrder {
  readonly number: number;
  readonly volumeId: string;
  /** Bytes. */
  readonly offset: number;
}

/** A block full of its number. */
export const numberedBlock = (number: number): Uint8Array => {
  const block = Buffer.alloc(cellBytes);
  for (let at = 0; at < cellBytes; at += 4) block.writeUInt32LE(number, at);
  return block;
};

/** Which cell of its volume a write goes to. */
export const cellOf = (number: number, volumes: number): number => Math.floor((number - 1) / volumes) % cells;

/**
 * The numbers in the cells of a volume's content; 0 was never written. A block
 * that is torn has none.
 */
export const numbersIn = (content: Buffer): readonly number[] =>
  Array.from({ length: cells }, (_, cell) => {
    const block = content.subarray(cell * cellBytes, (cell + 1) * cellBytes);
    const number = block.readUInt32LE(0);
    return block.equals(numberedBlock(number)) ? number : Number.NaN;
  });

/**
 * What is wrong with the numbers that some volumes hold, in the volumes' order: what is there is
 * the state after some write, so everything before it is there and nothing after it.
 * @returns the number of that write, and the violations
 */
export const judgeOrder = (
  volumes: readonly (readonly number[])[],
): { readonly newest: number; readonly violations: readonly string[] } => {
  const newest = Math.max(...volumes.flat().map((number) => (Number.isNaN(number) ? 0 : number)));
  const expected = volumes.map(() => Array.from({ length: cells }, () => 0));
  for (let number = Math.max(1, newest - volumes.length * cells + 1); number <= newest; number += 1) {
    const volume = expected[(number - 1) % volumes.length];
    if (volume !== undefined) volume[cellOf(number, volumes.length)] = number;
  }
  const violations = volumes.flatMap((numbers, volume) =>
    numbers.flatMap((number, cell) => {
      const wanted = expected[volume]?.[cell];
      return number === wanted ? [] : [`cell ${cell} of volume ${volume} has ${number} and not ${wanted}`];
    }),
  );
  return { newest, violations };
};
