import { cutSentence, sentenceCharactersMax } from "../api/bounds.ts";
import { type Reason, warningsMax } from "../api/reason.ts";

/**
 * So many warnings as are kept; the last one says how many there are more.
 * @param total of all of them, where these are only the first
 */
export const boundedWarnings = (warnings: readonly Reason[], total = warnings.length): readonly Reason[] => {
  if (total <= warningsMax) return warnings.slice(0, warningsMax);
  const shown = warnings.slice(0, warningsMax - 1);
  const [first] = warnings;
  return [...shown, { code: first?.code ?? "", message: `And ${total - shown.length} more.` }];
};

/** Several warnings in one; undefined where there are none. */
export const inOne = (warnings: readonly Reason[], total = warnings.length): Reason | undefined => {
  const [first] = warnings;
  if (first === undefined) return undefined;
  const more = total > 1 ? ` And ${total - 1} more.` : "";
  return { ...first, message: `${first.message.slice(0, sentenceCharactersMax - more.length)}${more}` };
};

/** What was to be known of a part before, and what is to be known now. */
export const joined = (before: Reason | null, after: Reason | null | undefined): Reason | null => {
  if (before === null || !after) return after ?? before;
  return { ...before, message: cutSentence(`${before.message} ${after.message}`) };
};
