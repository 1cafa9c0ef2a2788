import type { PlanStage } from "../api/failover/stage.ts";
import type { PlanObject } from "../api/plan.ts";
import { fitsPattern } from "../object/rule.ts";

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
