import { isUnusable, type JudgedObject } from "../api/judged-object.ts";
import { foldedName } from "../api/name.ts";
import type { ObjectConfig, UnusableObject } from "../api/object.ts";
import type { PlanRule } from "../api/plan.ts";

/** Whether a plan with the rule takes the object. Mirrors are guarded, and never taken. */
export const fitsRule = (rule: PlanRule, object: ObjectConfig): boolean =>
  object.origin?.role !== "mirror" && fitsByName(rule, object) && fitsLabel(rule, object);

/** Whether it would take the object if that were no mirror. */
export const fitsButIsMirror = (rule: PlanRule, object: ObjectConfig): boolean =>
  object.origin?.role === "mirror" && fitsByName(rule, object) && fitsLabel(rule, object);

/**
 * The same of an object that can't be used. Its labels are not known: no rule that
 * asks for one fits it.
 */
export const fitsUnusable = (rule: PlanRule, object: UnusableObject): boolean =>
  rule.label === undefined && fitsByName(rule, object);

/** The same of anything that a site tells of. */
export const fitsJudged = (rule: PlanRule, object: JudgedObject): boolean =>
  isUnusable(object) ? fitsUnusable(rule, object) : fitsRule(rule, object);

/**
 * As sentences name it: `vm web-*`, `nfs-file below /exports/e1/vm`,
 * `vm web-* with the label env=prod`.
 */
export const ruleText = ({ kind, match, directory, label }: PlanRule): string =>
  [
    kind,
    ...(match === undefined ? [] : [match]),
    ...(directory === undefined ? [] : [`below ${withoutSlash(directory)}`]),
    ...(label === undefined ? [] : [`with the label ${label}`]),
  ].join(" ");

/** Whether it would, whatever labels the object has and whoever guards it. */
export const fitsByName = (rule: PlanRule, object: { readonly kind: string; readonly name: string }): boolean => {
  if (object.kind !== rule.kind) return false;
  const name = foldedName(object.name);
  const isBelow = rule.directory === undefined || name.startsWith(`${foldedName(withoutSlash(rule.directory))}/`);
  return isBelow && (rule.match === undefined || isMatch(foldedName(rule.match), name));
};

/** Whether a pattern of names, with `*` and `?`, stands for all of a name. */
export const fitsPattern = (pattern: string, name: string): boolean => isMatch(foldedName(pattern), foldedName(name));

const withoutSlash = (directory: string): string => (directory.endsWith("/") ? directory.slice(0, -1) : directory);

/** A label may have `=` in its key and in its value: each place where it can be parted is tried. */
const fitsLabel = ({ label }: PlanRule, { labels = {} }: ObjectConfig): boolean => {
  if (label === undefined) return true;
  if (Object.hasOwn(labels, label)) return true;
  for (let at = label.indexOf("="); at !== -1; at = label.indexOf("=", at + 1)) {
    const key = label.slice(0, at);
    if (Object.hasOwn(labels, key) && labels[key] === label.slice(at + 1)) return true;
  }
  return false;
};

/**
 * Whether a pattern stands for all of a text. What a `*` stands for grows only while what follows
 * it does not fit, so no pattern takes longer than its length times the text's.
 */
const isMatch = (pattern: string, text: string): boolean => {
  // Of thousands of names most differ from the beginning on.
  const beginning = /^[^*?]*/.exec(pattern)?.[0] ?? "";
  if (!text.startsWith(beginning)) return false;
  const [wanted, given] = [[...pattern], [...text]];
  let [at, place] = [0, 0];
  let retry: { readonly at: number; place: number } | undefined;
  while (place < given.length) {
    if (wanted[at] === "*") {
      retry = { at, place };
      at += 1;
    } else if (wanted[at] === "?" || wanted[at] === given[place]) {
      at += 1;
      place += 1;
    } else if (retry === undefined) {
      return false;
    } else {
      retry.place += 1;
      at = retry.at + 1;
      place = retry.place;
    }
  }
  return wanted.slice(at).every((character) => character === "*");
};
