import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** How the schema library's own sentences begin; others are a schema's. */
const ownSentence = /^(Invalid|Too (big|small)|Unrecognized)\b/;

/** What is wrong with a value, without the words of programmers. A schema's own sentence stays. */
export const plainWords = (issue: Issue): string => {
  if (!ownSentence.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `it must be ${kindOf(issue.expected)}${received(issue.message)}`;
    case "invalid_value":
      return oneOf(issue.values);
    case "invalid_union":
      return "options" in issue && Array.isArray(issue.options) ? oneOf(issue.options) : issue.message;
    case "too_big":
      return `at most ${issue.maximum}${amountOf(issue.origin, issue.maximum)}`;
    case "too_small":
      return `at least ${issue.minimum}${amountOf(issue.origin, issue.minimum)}`;
    case "invalid_format":
      return formats[issue.format] ?? issue.message;
    default:
      return issue.message;
  }
};

const kinds: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "fields with values (name: value)",
  record: "fields with values (name: value)",
  null: "nothing",
  undefined: "nothing",
};

/** `a text`; what has no plain name keeps its own. */
export const kindOf = (type: string): string => kinds[type] ?? type;

const received = (message: string): string => {
  const [, type] = /, received (\w+)$/.exec(message) ?? [];
  return type === undefined ? "" : `, and is ${kindOf(type)}`;
};

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `it must be ${values[0]}` : `it must be one of ${values.join(", ")}`;

const amounts: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: [" character", " characters"],
  array: [" entry", " entries"],
  set: [" entry", " entries"],
  map: [" entry", " entries"],
};
const amountOf = (origin: string, count: number | bigint): string =>
  amounts[origin]?.[Number(count) === 1 ? 0 : 1] ?? "";

const formats: Readonly<Record<string, string>> = {
  date: "a day such as 2026-03-01",
  datetime: "a time such as 2026-03-01T01:00:00Z",
};
