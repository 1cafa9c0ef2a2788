import { VisibleError } from "../api/errors.ts";
import { isUnusable } from "../api/judged-object.ts";
import { foldedName } from "../api/name.ts";
import type { LeftOut } from "../api/object/common.ts";
import { type ObjectConfig, switchesOf } from "../api/object.ts";
import {
  isRule,
  type PlanDefinition,
  type PlanEntry,
  type PlanObject,
  type PlanRule,
  planObjectsMax,
  planRulesMax,
} from "../api/plan.ts";
import { fitsRule, ruleText } from "../object/rule.ts";
import type { Connected } from "../object/switches.ts";
import { type FoundObject, finder, type KnownObjects } from "./named.ts";
import { eachOrRefusals } from "./refusals.ts";

/** An object that a plan's next run will take, so far as is known, and why. */
export type ResolvedObject = PlanObject &
  Connected & {
    /** In words: `it is named`, `vm web-*`. */
    readonly because: string;
    readonly leftOut?: LeftOut[] | undefined;
    /** Of what its source is known to have. */
    readonly volumes: ObjectConfig["volumes"];
  };

/** What a definition asks for, as its source has it. */
export interface Resolved {
  /** As the plan keeps them: rules as they are written. */
  readonly entries: readonly PlanEntry[];
  /** Each once: those that are named, then those that rules fit. */
  readonly objects: readonly ResolvedObject[];
}

/** Why an object is in a plan that names it. */
export const becauseNamed = "it is named";

/**
 * The objects that a definition names by id or by name, as the source has them, and those
 * that its rules fit now.
 *
 * @param known undefined: nothing is known of the source yet
 * @param held what the plan has already; objects are taken as they are where the source is not
 *   known to have them
 * @throws {VisibleError} PLAN_EMPTY, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_IS_MIRROR,
 *   OBJECT_UNUSABLE, PLAN_TOO_LARGE; BAD_REQUEST for one that is there twice
 */
export const resolveObjects = (
  { source, objects }: Pick<PlanDefinition, "source" | "objects">,
  known: KnownObjects | undefined,
  held: readonly PlanEntry[],
): Resolved => {
  if (objects.length === 0) {
    throw new VisibleError("PLAN_EMPTY", "The plan has no objects.", { hint: "Name at least one in `objects`." });
  }
  const heldObjects = held.flatMap((entry) => (isRule(entry) ? [] : [entry]));
  const find = finder(source, known, heldObjects);
  const found = eachOrRefusals(objects, (wanted) => (isRule(wanted) ? wanted : find(wanted)));
  const entries = found.map((one): PlanEntry => (isRule(one) ? one : planObject(one)));
  refuseTwice(entries);
  const named = found.flatMap((one) => (isRule(one) ? [] : [resolved(one, becauseNamed)]));
  return { entries, objects: [...named, ...byRules(entries, known, new Set(named.map(keyOf)))] };
};

/** The first of the rules that fits an object; an object that is named is in the plan for that. */
const byRules = (
  entries: readonly PlanEntry[],
  known: KnownObjects | undefined,
  named: ReadonlySet<string>,
): readonly ResolvedObject[] => {
  const rules = entries.filter(isRule);
  if (rules.length === 0) return [];
  refuseManyRules(rules.length);
  const taken = (known?.objects ?? []).flatMap((object) => {
    if (isUnusable(object) || named.has(keyOf(object))) return [];
    const rule = rules.find((one) => fitsRule(one, object));
    return rule === undefined ? [] : [resolved(object, ruleText(rule))];
  });
  refuseMany(named.size + taken.length);
  return taken;
};

const planObject = ({ kind, id, name }: PlanObject): PlanObject => ({ kind, id, name });
const keyOf = ({ kind, id }: Pick<PlanObject, "kind" | "id">): string => `${kind}/${id}`;

const resolved = (object: FoundObject, because: string): ResolvedObject => ({
  ...planObject(object),
  because,
  switches: "volumes" in object ? switchesOf(object) : [],
  volumes: "volumes" in object ? object.volumes : [],
  ...("leftOut" in object && { leftOut: object.leftOut }),
});

const refuseMany = (count: number): void => {
  if (count <= planObjectsMax) return;
  throw new VisibleError(
    "PLAN_TOO_LARGE",
    `The plan's rules fit so many objects that it has ${count} now, and ${planObjectsMax} are the most.`,
    { hint: "Make the rules narrower, and split the objects among several plans." },
  );
};

const refuseManyRules = (count: number): void => {
  if (count <= planRulesMax) return;
  throw new VisibleError("PLAN_TOO_LARGE", `The plan has ${count} rules, and ${planRulesMax} are the most.`, {
    hint: "Let one rule fit what several do, by `*` or by a label, or split them among several plans.",
  });
};

const refuseTwice = (entries: readonly PlanEntry[]): void => {
  const seen = new Set<string>();
  for (const entry of entries) {
    const key = isRule(entry) ? meaningOf(entry) : keyOf(entry);
    if (seen.has(key)) {
      const what = isRule(entry) ? `The rule ${ruleText(entry)}` : `The ${entry.kind} “${entry.name}” (${entry.id})`;
      throw new VisibleError("BAD_REQUEST", `${what} is twice in the plan.`, { hint: "Name it once." });
    }
    seen.add(key);
  }
};

/** The same text for rules that fit the same, whatever they are. */
const meaningOf = ({ kind, match, label, directory }: PlanRule): string => {
  const [name, below] = [match, directory?.replace(/\/$/, "")].map((text) => text && foldedName(text));
  return JSON.stringify([kind, name, label, below]);
};
