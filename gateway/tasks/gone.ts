import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import type { GoneObject } from "../../core/api/task.ts";
import { fitsRule } from "../../core/object/rule.ts";
import type { LastSequence } from "../storage/control.ts";
import { objectKey } from "./entries.ts";

/**
 * What the plan's rules took the last time, and the source has not any more. It is told once, by the first run without it.
 * @param of.site all that the source has
 * @param of.before what was in the plan's newest group at the source
 */
export const vanishedObjects = (of: {
  readonly entries: readonly PlanEntry[];
  readonly site: readonly ObjectConfig[];
  readonly before: readonly ObjectConfig[];
}): readonly PlanObject[] => {
  const rules = of.entries.filter(isRule);
  const named = of.entries.flatMap((entry) => (isRule(entry) ? [] : [entry]));
  const known = new Set([...of.site, ...named].map(objectKey));
  return of.before.filter((object) => !known.has(objectKey(object)) && rules.some((rule) => fitsRule(rule, object)));
};

/**
 * @param of.last of each of them that the source still has in a group, the number of the newest
 * @param of.toldBefore what was gone at the run before: it may have known a group that is gone since
 */
export const goneObjects = (of: {
  readonly missing: readonly PlanObject[];
  readonly vanished: readonly PlanObject[];
  readonly last: readonly LastSequence[];
  readonly toldBefore: readonly GoneObject[];
}): readonly GoneObject[] => {
  const last = new Map<string, number | undefined>([
    ...of.toldBefore.map((each) => [objectKey(each), each.lastSequence] as const),
    ...of.last.map((each) => [objectKey(each), each.sequence] as const),
  ]);
  const goneOf = ({ kind, id, name }: PlanObject, named: boolean): GoneObject => {
    const lastSequence = last.get(objectKey({ kind, id }));
    return { kind, id, name, named, ...(lastSequence !== undefined && { lastSequence }) };
  };
  return [...of.missing.map((object) => goneOf(object, true)), ...of.vanished.map((object) => goneOf(object, false))];
};
