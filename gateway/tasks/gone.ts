import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import type { GoneObject } from "../../core/api/task.ts";
import { fitsRule } from "../../core/object/rule.ts";
import type { LastSequence } from "../storage/control.ts";
import { type Choice, objectKey } from "./entries.ts";

/**
 * The objects of a plan that its next group will not have: those that it names, and those that a
 * rule of it took the last time. What a rule took is told once, by the first run without it.
 * @param of.site all that the source has, where the plan has rules
 * @param of.before what was in the plan's newest group at the source
 */
export const absentObjects = (of: {
  readonly entries: readonly PlanEntry[];
  readonly site: readonly ObjectConfig[];
  readonly choice: Pick<Choice, "missing" | "unusable">;
  readonly before: readonly ObjectConfig[];
}): readonly GoneObject[] => {
  const { missing, unusable } = of.choice;
  const rules = of.entries.filter(isRule);
  const named = new Map(of.entries.flatMap((entry) => (isRule(entry) ? [] : [[objectKey(entry), entry] as const])));
  const there = new Set(of.site.map(objectKey));
  const isAbsent = (object: PlanObject) => unusable.has(objectKey(object)) || !there.has(objectKey(object));
  const byRule = of.before.filter(
    (object) => !named.has(objectKey(object)) && isAbsent(object) && rules.some((rule) => fitsRule(rule, object)),
  );
  const goneOf = ({ kind, id, name }: PlanObject, isNamed: boolean): GoneObject => {
    const why = unusable.get(objectKey({ kind, id }));
    return { kind, id, name, named: isNamed, ...(why !== undefined && { unusable: why }) };
  };
  const namedAndUnusable = [...named].flatMap(([key, entry]) => (unusable.has(key) ? [entry] : []));
  return [
    ...[...missing, ...namedAndUnusable].map((object) => goneOf(object, true)),
    ...byRule.map((object) => goneOf(object, false)),
  ];
};

/**
 * The same with the number of the newest group that has each.
 * @param last as the source knows it by the groups that it still has
 * @param toldBefore what was gone at the run before: it may have known a group that is gone since
 */
export const withLastSequences = (
  gone: readonly GoneObject[],
  last: readonly LastSequence[],
  toldBefore: readonly GoneObject[],
): readonly GoneObject[] => {
  const numbers = new Map<string, number | undefined>([
    ...toldBefore.map((each) => [objectKey(each), each.lastSequence] as const),
    ...last.map((each) => [objectKey(each), each.sequence] as const),
  ]);
  return gone.map((object) => {
    const lastSequence = numbers.get(objectKey(object));
    return lastSequence === undefined ? object : { ...object, lastSequence };
  });
};
