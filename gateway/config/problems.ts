import { z } from "zod";
import { kindOf, plainWords } from "./plain-words.ts";

type JsonSchema = {
  readonly properties?: Record<string, JsonSchema>;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
};
type Issue = z.core.$ZodIssue;

/** The keys that a schema knows at a path; those of all variants where there are several. */
const knownKeys = (schema: JsonSchema, path: readonly PropertyKey[]): readonly string[] => {
  const variants = schema.oneOf ?? schema.anyOf ?? [schema];
  const [first, ...rest] = path;
  if (first === undefined) return [...new Set(variants.flatMap(({ properties = {} }) => Object.keys(properties)))];
  const inner = variants.flatMap(({ properties, items }) => items ?? properties?.[String(first)] ?? []);
  return [...new Set(inner.flatMap((variant) => knownKeys(variant, rest)))];
};

/** Letters to add, leave out or change to get from one word to the other (Levenshtein). */
const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...to].entries()) {
      const changed = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
};

/**
 * What to say of a key, by its name: of one that there is not, and of one that does
 * not go with the others.
 */
export interface KeyAdvice {
  readonly unknown?: Readonly<Record<string, string>>;
  readonly misplaced?: Readonly<Record<string, string>>;
}

const meant = (key: string, known: readonly string[], { unknown = {}, misplaced = {} }: KeyAdvice): string => {
  if (known.includes(key)) {
    return Object.hasOwn(misplaced, key) ? `${misplaced[key]}` : "it does not go with what else is there";
  }
  if (Object.hasOwn(unknown, key)) return `unknown; ${unknown[key]}`;
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return `unknown; ${nearest === undefined ? `known here: ${known.join(", ")}` : `“${nearest.name}” is what is known here`}`;
};

const pathOf = (path: readonly PropertyKey[]) => (path.length === 0 ? "the file" : path.map(String).join("."));

const isMissing = (issue: Issue): boolean =>
  issue.code === "invalid_union"
    ? issue.errors.length > 0 && issue.errors.every(([first]) => first !== undefined && isMissing(first))
    : issue.code === "invalid_type" && issue.message.endsWith("received undefined");

const faultsOf = (issues: readonly Issue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);

/**
 * Of a schema's alternatives the one that what was written comes nearest to;
 * where two do, the first.
 */
const nearestOf = ([first = [], ...others]: readonly (readonly Issue[])[]): readonly Issue[] =>
  others.reduce((best, other) => (faultsOf(other) < faultsOf(best) ? other : best), first);

const unionMessage = "Invalid input";

/**
 * The issues of alternatives in their places; alternatives that have a sentence of
 * their own are one issue.
 */
const plainIssues = (issues: readonly Issue[], at: readonly PropertyKey[] = []): readonly Issue[] =>
  issues.flatMap((issue) => {
    const path = [...at, ...issue.path];
    const isOne = issue.code !== "invalid_union" || issue.errors.length === 0 || issue.message !== unionMessage;
    return isOne ? [{ ...issue, path }] : plainIssues(nearestOf(issue.errors), path);
  });

const expectedOf = (issue: Issue): string =>
  issue.code === "invalid_type" ? kindOf(issue.expected) : plainWords(issue);

/**
 * What is wrong with a configuration, a sentence for each field, with the field's path; unknown
 * keys with what is meant.
 */
export const configProblems = (error: z.ZodError, schema: z.ZodType, advice: KeyAdvice = {}): readonly string[] => {
  const root = z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
  return plainIssues(error.issues).flatMap((issue) => {
    if (issue.code !== "unrecognized_keys") {
      return [`${pathOf(issue.path)}: ${isMissing(issue) ? `missing (${expectedOf(issue)})` : plainWords(issue)}`];
    }
    const known = knownKeys(root, issue.path);
    return issue.keys.map((key) => `${pathOf([...issue.path, key])}: ${meant(key, known, advice)}`);
  });
};
