import { printable } from "../../../core/api/name.ts";

const wordsCharactersMax = 400;
/** Shorter ones would tear words apart that have nothing to do with them. */
const secretCharactersMin = 4;

/**
 * What a cluster says, fit to be shown: one line of it, without what is a secret and without what
 * no log carries.
 */
export const shownWords = (words: string, secrets: readonly string[]): string => {
  const hidden = secrets
    .filter((secret) => secret.length >= secretCharactersMin)
    .reduce((text, secret) => text.replaceAll(secret, "…"), words);
  return printable(hidden.replaceAll(/\s+/g, " ").trim().slice(0, wordsCharactersMax).toWellFormed());
};
