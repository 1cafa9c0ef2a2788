import type { z } from "zod";

type Issue = z.core.$ZodIssue;

const typeWords: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "fields of its own",
  record: "fields of its own",
};

/** What is allowed where a type is wrong or nothing is there. */
export const expectedWords = (issue: Issue): string =>
  issue.code === "invalid_type" ? (typeWords[issue.expected] ?? issue.expected) : issueWords(issue);

/** What is wrong, said with what is allowed there. Issues that have a sentence of their own keep it. */
export const issueWords = (issue: Issue): string => {
  const { message } = issue;
  if (!ownWords.test(message)) return message;
  switch (issue.code) {
    case "invalid_type":
      return expectedWords(issue);
    case "invalid_value":
      return issue.values.length === 1 ? String(issue.values[0]) : `one of ${issue.values.join(", ")}`;
    case "too_big":
      return boundWords(issue, Number(issue.maximum), issue.inclusive === false ? "less than" : "at most");
    case "too_small":
      return boundWords(issue, Number(issue.minimum), issue.inclusive === false ? "more than" : "at least");
    default:
      return message;
  }
};

/** How the schema library begins what it says by itself. */
const ownWords = /^(Invalid (input|option): expected|Too (big|small): expected)/;

const boundWords = ({ origin }: { readonly origin: string }, bound: number, how: string): string => {
  const [one, many] = nouns[origin] ?? ["", ""];
  const noun = bound === 1 ? one : many;
  return `${how} ${bound}${noun === "" ? "" : ` ${noun}`}`;
};

const nouns: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["of them", "of them"],
};
