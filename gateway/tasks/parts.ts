import { messageText } from "../../core/api/message.ts";

/**
 * Cuts a list into parts, one after the other, none of them empty: the same list gives the same
 * parts.
 * @param bytesMax of the text of a part's entries, by the part's number; one entry that is
 * larger is a part by itself
 */
export const partsOf = <T extends object>(
  all: readonly T[],
  { entriesMax, bytesMax }: { readonly entriesMax: number; readonly bytesMax: number | ((part: number) => number) },
): T[][] => {
  const maxOf = typeof bytesMax === "number" ? () => bytesMax : bytesMax;
  const parts: T[][] = [];
  let bytes = 0;
  for (const each of all) {
    const eachBytes = messageText(each).length + 1;
    const last = parts.at(-1);
    if (last !== undefined && last.length < entriesMax && bytes + eachBytes <= maxOf(parts.length - 1)) {
      last.push(each);
      bytes += eachBytes;
    } else {
      parts.push([each]);
      bytes = eachBytes;
    }
  }
  return parts;
};
