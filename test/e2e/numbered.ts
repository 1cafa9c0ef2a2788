/**
 * Writes that are numbered from 1 on, one after the other, round robin over all volumes: write n goes to volume
 * (n - 1) mod `volumes`, there to the next slot, and when all slots have been written to the first one again.
 */
export const slotBytes = 4096;
export const slots = 64;

export interface WriteOrder {
  readonly number: number;
  readonly volumeId: string;
  /** Bytes. */
  readonly offset: number;
}

/** A block full of its number. */
export const numberedBlock = (number: number): Uint8Array => {
  const block = Buffer.alloc(slotBytes);
  for (let at = 0; at < slotBytes; at += 4) block.writeUInt32LE(number, at);
  return block;
};

/** Which slot of its volume a write goes to. */
export const slotOf = (number: number, volumes: number): number => Math.floor((number - 1) / volumes) % slots;

/** The numbers in the slots of a volume's content; 0 was never written. A block that is torn has none. */
export const numbersIn = (content: Buffer): readonly number[] =>
  Array.from({ length: slots }, (_, slot) => {
    const block = content.subarray(slot * slotBytes, (slot + 1) * slotBytes);
    const number = block.readUInt32LE(0);
    return block.equals(numberedBlock(number)) ? number : Number.NaN;
  });

/**
 * What is wrong with the numbers that some volumes hold, in the volumes' order: what is there is the state after some
 * write, so everything before it is there and nothing after it. @returns the number of that write, and the violations
 */
export const judgeOrder = (
  volumes: readonly (readonly number[])[],
): { readonly newest: number; readonly violations: readonly string[] } => {
  const newest = Math.max(...volumes.flat().map((number) => (Number.isNaN(number) ? 0 : number)));
  const expected = volumes.map(() => Array.from({ length: slots }, () => 0));
  for (let number = Math.max(1, newest - volumes.length * slots + 1); number <= newest; number += 1) {
    const volume = expected[(number - 1) % volumes.length];
    if (volume !== undefined) volume[slotOf(number, volumes.length)] = number;
  }
  const violations = volumes.flatMap((numbers, volume) =>
    numbers.flatMap((number, slot) => {
      const wanted = expected[volume]?.[slot];
      return number === wanted ? [] : [`slot ${slot} of volume ${volume} has ${number} and not ${wanted}`];
    }),
  );
  return { newest, violations };
};
