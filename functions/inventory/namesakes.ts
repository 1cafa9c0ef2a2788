import type { SiteId } from "../../core/api/ids.ts";
import { isUnusable } from "../../core/api/judged-object.ts";
import { isSameName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import { fitsRule } from "../../core/object/rule.ts";
import type { Deps } from "../ports/deps.ts";
import { lookUpObjects } from "./objects.ts";

type Named = Pick<PlanObject, "kind" | "id" | "name">;

/** So many are looked for at most. */
const lookedForMax = 100;

/**
 * Of objects that a plan names and that are gone: others that its source has by their kind and
 * name, as its gateways saw it last. A VM that was deleted and made anew is another one, and a plan
 * goes by ids. Those that the plan takes anyway are not among them.
 * @returns by the gone one's kind and id, as `namesakeKey` has them
 */
export const readNamesakes = async (
  deps: Pick<Deps, "store" | "clock" | "log" | "ids">,
  source: SiteId,
  gone: readonly Named[],
  entries: readonly PlanEntry[],
): Promise<ReadonlyMap<string, ObjectConfig>> => {
  const some = gone.slice(0, lookedForMax);
  if (some.length === 0) return new Map();
  const known = await lookUpObjects(
    deps,
    source,
    some.map(({ kind, name }) => ({ kind, name })),
    [],
  );
  const candidates = (known?.objects ?? []).flatMap((object) =>
    isUnusable(object) || object.origin?.role === "mirror" || isTaken(entries, object) ? [] : [object],
  );
  return new Map(
    some.flatMap((one) => {
      const found = candidates.find(({ kind, name }) => kind === one.kind && isSameName(name, one.name));
      return found === undefined ? [] : [[namesakeKey(one), found] as const];
    }),
  );
};

export const namesakeKey = ({ kind, id }: Pick<Named, "kind" | "id">): string => `${kind}/${id}`;

const isTaken = (entries: readonly PlanEntry[], object: ObjectConfig): boolean =>
  entries.some((entry) =>
    isRule(entry) ? fitsRule(entry, object) : entry.kind === object.kind && entry.id === object.id,
  );
