import { VisibleError } from "../api/errors.ts";

/** So many are told at once. */
const shownMax = 10;

/**
 * Does something with each, and tells all refusals as one, so that a person can mend everything at
 * once: it has the first one's code.
 * @throws {VisibleError} what `one` throws
 */
export const eachOrRefusals = <In, Out>(items: readonly In[], one: (item: In) => Out): readonly Out[] => {
  const refusals = new Map<string, VisibleError>();
  const done = items.flatMap((item) => {
    try {
      return [one(item)];
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      // What is true of all of them is told once.
      if (!refusals.has(error.message)) refusals.set(error.message, error);
      return [];
    }
  });
  const [first, ...others] = refusals.values();
  if (first === undefined) return done;
  throw others.length === 0 ? first : inOne(first, others);
};

const inOne = (first: VisibleError, others: readonly VisibleError[]): VisibleError => {
  const all = [first, ...others];
  const shown = all.slice(0, shownMax);
  const more = all.length > shown.length ? [`and ${all.length - shown.length} more like these`] : [];
  const lines = [...shown.map(({ message }) => message), ...more].map((line) => `\n  ${line}`);
  const hints = new Set(shown.flatMap(({ hint }) => hint ?? []));
  return new VisibleError(first.code, `${all.length} of the plan's objects can't be taken:${lines.join("")}`, {
    hint: [...hints].join(" "),
  });
};
