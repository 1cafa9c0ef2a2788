import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";

/**
 * Pairs of names as an option has them: `web=shop`. The first `=` ends the first name.
 * @param example how the option is written, for what is none
 * @throws VisibleError BAD_REQUEST: one that is no pair, or a first name that is there twice
 */
export const namePairs = (pairs: readonly string[], example: string): ReadonlyMap<string, string> => {
  const read = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    const [from, to] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at <= 0 || to === "") throw wrong(pair, "is no pair of names", example);
    if (read.has(from)) throw wrong(pair, "has a name that another pair has, too", example);
    read.set(from, to);
  }
  return read;
};

const wrong = (pair: string, why: string, example: string) =>
  new VisibleError("BAD_REQUEST", `“${shownName(pair)}” ${why}.`, { hint: `Write ${example}` });
