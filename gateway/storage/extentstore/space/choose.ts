import type { FileSpace } from "./space.ts";

/**
 * So much of a store may be dead: to get back the last of it, nearly everything
 * would have to be copied.
 */
export const deadFractionAllowed = 0.1;
/** A data file below this part of a full one is small. */
const smallFraction = 1 / 8;

/**
 * Which data files to write anew, as one. Where too much of the store is dead, those with the
 * largest dead part, which cost least; else small ones that belong together, so that there are
 * never many. Done over and over it comes to an end.
 * @returns ids; none when all is well
 */
export const chooseFiles = (files: readonly FileSpace[], fullBytes: number): number[] => {
  const wasteful = mostWasteful(files, fullBytes);
  return (wasteful.length > 0 ? wasteful : manySmall(files, fullBytes)).map(({ id }) => id);
};

const deadBytes = ({ sizeBytes, liveBytes }: FileSpace): number => sizeBytes - liveBytes;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

const mostWasteful = (files: readonly FileSpace[], fullBytes: number): FileSpace[] => {
  const liveBytes = sum(files.map((file) => file.liveBytes));
  let tooManyBytes = sum(files.map(deadBytes)) - (liveBytes * deadFractionAllowed) / (1 - deadFractionAllowed);
  const chosen: FileSpace[] = [];
  let copiedBytes = 0;
  const byWaste = files.filter((file) => deadBytes(file) > 0).sort((a, b) => deadPart(b) - deadPart(a));
  for (const file of byWaste) {
    if (tooManyBytes <= 0 || (chosen.length > 0 && copiedBytes + file.liveBytes > fullBytes)) break;
    chosen.push(file);
    copiedBytes += file.liveBytes;
    tooManyBytes -= deadBytes(file);
  }
  return chosen;
};

const deadPart = (file: FileSpace): number => deadBytes(file) / file.sizeBytes;

/**
 * From some file on, the smallest that will do, each that is not much larger than all before it: so
 * each byte is copied a few times until its file is no longer small, and not each time that another
 * small one is there.
 */
const manySmall = (files: readonly FileSpace[], fullBytes: number): FileSpace[] => {
  const bySize = files
    .filter(({ sizeBytes }) => sizeBytes < fullBytes * smallFraction)
    .sort((a, b) => a.sizeBytes - b.sizeBytes);
  const first = bySize.findIndex(
    ({ sizeBytes }, at) => 2 * sizeBytes >= (bySize[at + 1]?.sizeBytes ?? Number.POSITIVE_INFINITY),
  );
  const chosen: FileSpace[] = [];
  let chosenBytes = 0;
  for (const file of first < 0 ? [] : bySize.slice(first)) {
    const tooLarge = file.sizeBytes > 2 * chosenBytes || chosenBytes + file.sizeBytes > fullBytes;
    if (chosen.length > 0 && tooLarge) break;
    chosen.push(file);
    chosenBytes += file.sizeBytes;
  }
  return chosen;
};
