import { messageText } from "../../core/api/message.ts";
import { type Reason, warningsMax } from "../../core/api/reason.ts";

/** As a message has them; so much of it is theirs. */
const warningsBytesMax = 24 * 1024;

/** As many as a message holds; the last one says how many there are more. */
export const boundedWarnings = (warnings: readonly Reason[]): Reason[] => {
  const told: Reason[] = [];
  let bytes = 0;
  for (const warning of warnings) {
    bytes += messageText(warning).length + 1;
    if (bytes > warningsBytesMax) break;
    told.push(warning);
  }
  if (told.length === warnings.length && told.length <= warningsMax) return told;
  const shown = told.slice(0, warningsMax - 1);
  const more = warnings.length - shown.length;
  const code = warnings[shown.length]?.code ?? "OBJECT_UNUSABLE";
  return [...shown, { code, message: `There are ${more} more warnings like these.` }];
};
