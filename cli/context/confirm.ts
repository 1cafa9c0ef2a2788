import { VisibleError } from "../../core/api/errors.ts";
import { exitCodes } from "../host/exit-codes.ts";
import type { Host } from "../host/host.ts";
import type { Answer } from "./context.ts";

/**
 * What is said instead of the answer when a person does not want it deleted; scripts see it by the
 * exit code.
 */
export const nothingDeleted: Answer = {
  json: { deleted: null },
  text: "Nothing was deleted.",
  exitCode: exitCodes.failed.code,
};

/** The same of a change. */
export const nothingChanged: Answer = {
  json: { changed: null },
  text: "Nothing was changed.",
  exitCode: exitCodes.failed.code,
};

/**
 * Asks a person whether something is to be deleted. Whatever is not a yes is a no.
 * @param about what else is to be known, in sentences
 * @throws VisibleError BAD_REQUEST where nobody is there to be asked
 */
export const isToBeDeleted = (host: Pick<Host, "ask">, what: string, about: readonly string[]): Promise<boolean> =>
  isWanted(
    host,
    [`Delete ${what} for good?`, ...about],
    `Nobody is there to be asked whether ${what} is to be deleted.`,
  );

/** The same of a change that takes something away: `about` says what. */
export const isToBeChanged = (host: Pick<Host, "ask">, what: string, about: readonly string[]): Promise<boolean> =>
  isWanted(
    host,
    [`Change ${what}?`, ...about],
    [`Nobody is there to be asked whether ${what} is to be changed.`, ...about].join(" "),
  );

/** The same of what moves things: `what` as a person says it. */
export const isToBeDone = (host: Pick<Host, "ask">, what: string, about: readonly string[]): Promise<boolean> =>
  isWanted(host, [`${what}?`, ...about], "Nobody is there to be asked whether that is to be done.");

/**
 * Asks for a word to be typed, where a yes is too easily said.
 * @throws VisibleError BAD_REQUEST where nobody is there to be asked
 */
export const isTyped = async ({ ask }: Pick<Host, "ask">, what: string, word: string): Promise<boolean> => {
  const answer = await ask(`Delete ${what} for good? If so, type ${word}: `);
  if (answer !== undefined) return answer.trim() === word;
  throw new VisibleError("BAD_REQUEST", `Nobody is there to be asked whether ${what} is to be deleted.`, {
    hint: "Say so with --yes.",
  });
};

const isWanted = async ({ ask }: Pick<Host, "ask">, question: readonly string[], nobody: string): Promise<boolean> => {
  const answer = await ask(`${question.join(" ")} [y/N] `);
  if (answer !== undefined) return /^y(es)?$/i.test(answer.trim());
  throw new VisibleError("BAD_REQUEST", nobody, { hint: "Say so with --yes." });
};
