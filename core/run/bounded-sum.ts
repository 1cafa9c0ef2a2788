/**
 * The sum of counts that sites tell. Those of many may be more than a document can hold, whose
 * integers are exact: then it is the largest of these.
 */
export const boundedSum = (counts: readonly number[]): number =>
  counts.reduce((sum, count) => Math.min(sum + count, Number.MAX_SAFE_INTEGER), 0);
