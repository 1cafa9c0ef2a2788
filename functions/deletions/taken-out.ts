import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { GroupId, SiteId } from "../../core/api/ids.ts";
import { foldedName, shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type Plan } from "../../core/api/plan.ts";
import { fitsRule } from "../../core/object/rule.ts";
import { isNamed } from "../../core/retention/gone.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { MeantAt } from "../deletable/going.ts";
import { readGroups } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { readWholePlan } from "../queries/plans.ts";
import { snapshotFactsOf } from "../runs/facts.ts";

const groupsAtOnce = 4;

/**
 * The groups at a site that have any of some objects, which a plan does not have any more. A
 * restore point is whole or not there (W17), so they go with all that is in them.
 * @throws VisibleError OBJECT_UNKNOWN (no group there has it), MIRROR_NEEDED (the plan has it)
 */
export const withObjects = async (
  deps: Deps,
  plan: Plan,
  siteId: SiteId,
  wanted: readonly string[],
): Promise<MeantAt> => {
  const { objects: entries } = await readWholePlan(deps, plan.id);
  const groups = (await readGroups(deps, plan.id, siteId)).map(({ body }) => body).filter(isThere);
  const found = await mapBounded(groups, groupsAtOnce, async (group) => ({
    group,
    objects: await objectsIn(deps, group, wanted),
  }));
  const all = found.flatMap(({ objects }) => objects);
  for (const text of wanted) if (!all.some((object) => isMeant(object, text))) throw noObject(text, siteId);
  const needed = all.find(
    (object) => isNamed(entries, object) || entries.some((entry) => isRule(entry) && fitsRule(entry, object)),
  );
  if (needed !== undefined && plan.status !== "deleted") throw stillThere(plan, needed);
  const groupIds = found.filter(({ objects }) => objects.length > 0).map(({ group }) => group.id);
  return { siteId, groups: groupIds as GroupId[], mirrors: false };
};

const isThere = ({ state }: Group): boolean => state === "published" || state === "deleting";

const isMeant = ({ id, name }: ObjectConfig, text: string): boolean =>
  id === text || foldedName(name) === foldedName(text);

const objectsIn = async (deps: Deps, { runId }: Group, wanted: readonly string[]): Promise<readonly ObjectConfig[]> => {
  const objects: ObjectConfig[] = [];
  for await (const { config } of snapshotFactsOf(deps, runId)) {
    if (wanted.some((text) => isMeant(config, text))) objects.push(config);
  }
  return objects;
};

const noObject = (text: string, siteId: SiteId) =>
  new VisibleError("OBJECT_UNKNOWN", `No group of the plan at ${siteId} has an object “${shownName(text)}”.`, {
    hint: `See what a group has with: smtx-backup group show GROUP --site ${siteId}`,
  });

const stillThere = ({ name }: Plan, object: ObjectConfig) =>
  new VisibleError("MIRROR_NEEDED", `The plan “${name}” has “${shownName(object.name)}” (${object.id}) still.`, {
    hint: `Take it out of the plan first: smtx-backup plan update ${name} -f FILE`,
  });
