import { VisibleError } from "../api/errors.ts";
import type { PlanStage } from "../api/failover/stage.ts";
import { shownName } from "../api/name.ts";
import { isRule, type PlanEntry, type PlanObject } from "../api/plan.ts";
import { fitsPattern } from "../object/rule.ts";

const hasWildcard = (text: string): boolean => /[*?]/.test(text);

/**
 * What stages name is in one of them, and in the plan, as far as that is known: what its rules will
 * find nobody knows.
 * @throws VisibleError BAD_REQUEST
 */
export const refuseWrongStages = (stages: readonly PlanStage[] = [], entries: readonly PlanEntry[]): void => {
  const seen = new Set<string>();
  const named = entries.some(isRule) ? undefined : entries.filter((entry): entry is PlanObject => !isRule(entry));
  for (const [index, stage] of stages.entries()) {
    for (const text of stage.objects) {
      if (seen.has(text)) throw wrongStage(`“${shownName(text)}” is twice in the plan's stages`);
      seen.add(text);
      if (named === undefined || hasWildcard(text)) continue;
      if (!named.some((object) => isInStage({ objects: [text] }, object))) {
        throw wrongStage(`The stage ${index + 1} names “${shownName(text)}”, which is none of the plan's objects`);
      }
    }
  }
};

const wrongStage = (what: string) =>
  new VisibleError("BAD_REQUEST", `${what}.`, {
    hint: "Name each object in one stage, as the plan's objects have it.",
  });

/** Objects that are started together. Of the last there is no stage: they are in none. */
export interface InStage<T> {
  readonly stage: PlanStage | undefined;
  readonly objects: readonly T[];
}

/** Whether a stage names the object, by a pattern of names or by its id. */
export const isInStage = (
  { objects }: Pick<PlanStage, "objects">,
  { id, name }: Pick<PlanObject, "id" | "name">,
): boolean => objects.some((text) => text === id || fitsPattern(text, name));

/**
 * Objects in the order in which they are started: each is in the first stage that names it, and
 * what no stage names comes last. Stages without any are left out.
 */
export const inStages = <T extends Pick<PlanObject, "id" | "name">>(
  stages: readonly PlanStage[],
  objects: readonly T[],
): readonly InStage<T>[] => {
  const of = Map.groupBy(objects, (object) => stages.find((stage) => isInStage(stage, object)));
  return [...stages, undefined].flatMap((stage) => {
    const some = of.get(stage) ?? [];
    return some.length === 0 ? [] : [{ stage, objects: some }];
  });
};
