/** More edits than this make another name, not a typo. */
const editsMax = 2;
/** Below this share of letters that are alike nothing is suggested. */
const similarityMin = 0.4;

/** Of the names the one that a typo may have meant; none where two are as near. */
export const nearestName = (typed: string, names: Iterable<string>): string | undefined => {
  let nearest: string | undefined;
  let editsOfNearest = editsMax + 1;
  for (const name of new Set(names)) {
    if (name.length < 2 || Math.abs(name.length - typed.length) > editsMax) continue;
    const edits = editsBetween(typed.toLowerCase(), name.toLowerCase());
    const length = Math.max(typed.length, name.length);
    if (edits > editsOfNearest || (length - edits) / length <= similarityMin) continue;
    nearest = edits === editsOfNearest ? undefined : name;
    editsOfNearest = edits;
  }
  return nearest;
};

/** `Did you mean “nightly”? `, before what else a hint says; nothing where no name is near. */
export const didYouMean = (typed: string, names: Iterable<string>): string => {
  const name = nearestName(typed, names);
  return name === undefined ? "" : `Did you mean “${name}”? `;
};

/**
 * Letters that are added, left out, replaced, or swapped with their neighbours: the optimal string
 * alignment distance, https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance
 */
const editsBetween = (one: string, other: string): number => {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const current: number[] = [row];
    for (let at = 1; at <= other.length; at += 1) {
      const isSame = one[row - 1] === other[at - 1];
      const isSwapped = row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      current.push(
        Math.min(
          (last[at] ?? 0) + 1,
          (current[at - 1] ?? 0) + 1,
          (last[at - 1] ?? 0) + (isSame ? 0 : 1),
          isSwapped ? (beforeLast[at - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last[other.length] ?? 0;
};
