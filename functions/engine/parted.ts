/** Documents without what the store adds to them take up no more room than this in one transaction. */
export const documentsPerCommitMax = 50;
const bytesPerCommitMax = 1_000_000;

/** Documents in parts that fit into a transaction each. */
export function* parted<T extends { readonly body: object }>(documents: readonly T[]): Generator<readonly T[]> {
  let part: T[] = [];
  let bytes = 0;
  for (const document of documents) {
    // A character is three bytes at most.
    const size = JSON.stringify(document.body).length * 3;
    if (part.length > 0 && (part.length >= documentsPerCommitMax || bytes + size > bytesPerCommitMax)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(document);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
