import type { ErrorCode } from "../../core/api/errors.ts";
import { isUnusable, judgeObject } from "../../core/api/judged-object.ts";
import type { ObjectConfig, UnusableObject } from "../../core/api/object.ts";
import { isRule, type PlanEntry, type PlanObject, type PlanRule } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { fitsRule } from "../../core/object/rule.ts";

/** What the entries of a plan come to at its source now. */
export interface Choice {
  /** Each object once, in the order of the entries, those of a rule by name. */
  readonly objects: readonly ObjectConfig[];
  /** Of each of them, the index of the first entry that it is among. */
  readonly because: readonly number[];
  /** Named, and not there. */
  readonly missing: readonly PlanObject[];
  /** By their keys, why objects that are there can't be used. */
  readonly unusable: ReadonlyMap<string, string>;
  /** Of what is there and is not taken. */
  readonly warnings: readonly Reason[];
}

type ObjectId = Pick<ObjectConfig, "kind" | "id">;

export const objectKey = ({ kind, id }: ObjectId): string => `${kind}/${id}`;

/**
 * @param site what the source has: those objects that are named, and where there are rules all that
 *   there are
 * @param refused by their keys, why some of these can't be taken
 */
export const chooseObjects = (
  entries: readonly PlanEntry[],
  site: readonly ObjectConfig[],
  refused: ReadonlyMap<string, string> = new Map(),
): Choice => {
  const byKey = new Map(site.map((object) => [objectKey(object), object]));
  const chosen = new Map<string, { readonly object: ObjectConfig; readonly because: number }>();
  const missing = new Map<string, PlanObject>();
  const unusable = new Map<string, string>();
  const warnings = new Map<string, Reason>();
  const consider = (object: ObjectConfig, because: number): void => {
    const key = objectKey(object);
    if (chosen.has(key) || warnings.has(key)) return;
    const why = refused.get(key);
    const { kind, id, name } = object;
    const judged = why === undefined ? judgeObject(object) : { kind, id, name, unusable: why };
    if (isUnusable(judged)) {
      unusable.set(key, judged.unusable);
      warnings.set(key, leftOut("OBJECT_UNUSABLE", judged));
    } else if (object.origin?.role === "mirror") {
      warnings.set(
        key,
        leftOut("OBJECT_IS_MIRROR", { ...object, unusable: "it is the mirror of another site's object" }),
      );
    } else chosen.set(key, { object, because });
  };
  for (const [because, entry] of entries.entries()) {
    if (isRule(entry)) for (const object of fitting(entry, site)) consider(object, because);
    else {
      const object = byKey.get(objectKey(entry));
      if (object === undefined) missing.set(objectKey(entry), entry);
      else consider(object, because);
    }
  }
  const taken = [...chosen.values()];
  return {
    objects: taken.map(({ object }) => object),
    because: taken.map(({ because }) => because),
    missing: [...missing.values()],
    unusable,
    warnings: [...warnings.values()],
  };
};

const fitting = (rule: PlanRule, site: readonly ObjectConfig[]): readonly ObjectConfig[] =>
  site.filter((object) => fitsRule(rule, object)).sort(byName);

const byName = (a: ObjectConfig, b: ObjectConfig): number =>
  inOrder(a.name, b.name) || inOrder(objectKey(a), objectKey(b));
const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

const leftOut = (code: ErrorCode, { kind, id, name, unusable }: UnusableObject): Reason => ({
  code,
  message: `The ${kind} “${name}” (${id}) is left out: ${unusable}.`,
});
