import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/**
 * What is wrong with a value, each at its place. Of what may have one of several forms, it is what
 * is wrong with the form that it comes closest to.
 */
export const plainIssues = (issues: readonly Issue[]): readonly { readonly path: string; readonly message: string }[] =>
  issues.flatMap((issue) => flat(issue, [])).map(({ path, message }) => ({ path: path.join("."), message }));

type Placed = Pick<Issue, "path" | "message">;

const flat = (issue: Issue, above: readonly PropertyKey[]): readonly Placed[] => {
  const path = [...above, ...issue.path];
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [{ path, message: issue.message }];
  return closest(issue.errors).flatMap((inner) => flat(inner, path));
};

/** What has no name that the form does not know, and of these what is wrong in the fewest ways. */
const closest = (forms: readonly (readonly Issue[])[]): readonly Issue[] =>
  forms.reduce((best, form) => (distance(form) < distance(best) ? form : best));

const distance = (form: readonly Issue[]): number =>
  form.length + (form.some(({ code }) => code === "unrecognized_keys") ? 1000 : 0);
