import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import type { GoneObject } from "../../core/api/task.ts";
import { fitsRule } from "../../core/object/rule.ts";
import type { SnapshotGroup } from "../storage/control.ts";
import { objectKey } from "./entries.ts";

/** What the plan had in its newest group at the source, and what was gone then. */
export type GroupBefore = Pick<SnapshotGroup, "sequence" | "objects" | "kept">;

/**
 * The objects of a plan that its source has not any more: those that it names, and those that a rule
 * of it took the last time. What a rule took is told once, by the first run without it.
 * @param site all that the source has, where the plan has rules
 */
export const goneObjects = (of: {
  readonly entries: readonly PlanEntry[];
  /** Those that are named and not there. */
  readonly missing: readonly PlanObject[];
  readonly site: readonly ObjectConfig[];
  readonly before: GroupBefore | undefined;
}): readonly GoneObject[] => {
  const { entries, missing, site, before } = of;
  const rules = entries.filter(isRule);
  const there = new Set([...site, ...missing].map(objectKey));
  const vanished = (before?.objects ?? []).filter(
    (object) => !there.has(objectKey(object)) && rules.some((rule) => fitsRule(rule, object)),
  );
  const last = lastSequences(before);
  const goneOf = ({ kind, id, name }: PlanObject, named: boolean): GoneObject => {
    const lastSequence = last.get(objectKey({ kind, id }));
    return { kind, id, name, named, ...(lastSequence !== undefined && { lastSequence }) };
  };
  return [...missing.map((object) => goneOf(object, true)), ...vanished.map((object) => goneOf(object, false))];
};

/** Of each object that was known to have it, the newest group: the last one, or the one that was told of it then. */
const lastSequences = (before: GroupBefore | undefined): ReadonlyMap<string, number> => {
  const last = new Map<string, number>();
  for (const object of before?.kept?.gone ?? []) {
    if (object.lastSequence !== undefined) last.set(objectKey(object), object.lastSequence);
  }
  const sequence = before?.sequence;
  if (typeof sequence === "number") for (const object of before?.objects ?? []) last.set(objectKey(object), sequence);
  return last;
};
