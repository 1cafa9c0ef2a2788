import type { Group } from "../../core/api/group.ts";
import type { GroupId, Instant } from "../../core/api/ids.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import { readGroups } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { believedAt } from "../queries/newest-group.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

/** An object, and the newest restore point that has it. */
export interface DatedObject extends PlanObject {
  readonly groupId: GroupId | null;
  readonly takenAt: Instant | null;
  /** It is in the one that is rebuilt. */
  readonly rebuilt: boolean;
}

/** In so many older ones it is looked for what the one that is rebuilt does not have. */
const groupsLookedAtMax = 30;

const keyOf = ({ kind, id }: Pick<PlanObject, "kind" | "id">): string => `${kind}/${id}`;

/** What is rebuilt of a group, and what of the plan's named objects is not. */
export const datedObjects = async (
  deps: Deps,
  group: Group,
  named: readonly PlanObject[],
): Promise<readonly DatedObject[]> => {
  const rebuilt = (await objectsIn(deps, group)).map((object) => dated(object, group, true));
  const known = new Set(rebuilt.map(keyOf));
  const absent = new Map(named.filter((object) => !known.has(keyOf(object))).map((one) => [keyOf(one), one]));
  const older = absent.size === 0 ? [] : await olderThan(deps, group);
  const found: DatedObject[] = [];
  for (const other of older) {
    if (absent.size === 0) break;
    for (const object of await objectsIn(deps, other)) {
      if (absent.delete(keyOf(object))) found.push(dated(object, other, false));
    }
  }
  const nowhere = [...absent.values()].map(
    ({ kind, id, name }): DatedObject => ({
      ...{ kind, id, name, groupId: null, takenAt: null, rebuilt: false },
    }),
  );
  return [...rebuilt, ...found, ...nowhere];
};

const dated = ({ kind, id, name }: PlanObject, group: Group, rebuilt: boolean): DatedObject => ({
  ...{ kind, id, name, groupId: group.id, takenAt: believedAt(group), rebuilt },
});

const objectsIn = async (deps: Deps, { runId }: Group): Promise<readonly PlanObject[]> => {
  const objects: PlanObject[] = [];
  for await (const { config } of snapshotFactsOf(deps, runId)) objects.push(config);
  return objects;
};

/** The newest first. */
const olderThan = async (deps: Deps, { planId, siteId, id }: Group): Promise<readonly Group[]> =>
  (await readGroups(deps, planId, siteId))
    .map(({ body }) => body)
    .filter((group) => group.state === "published" && group.id !== id)
    .sort((one, other) => other.sequence - one.sequence)
    .slice(0, groupsLookedAtMax);
