import type { Group } from "../api/group.ts";
import type { GroupId } from "../api/ids.ts";

/** What is to become of one group, and why: shown to people as it is. */
export interface Reclaim<Rule extends string> {
  readonly group: Group;
  readonly verdict: "keep" | "delete";
  readonly rule: Rule;
  readonly explanation: string;
}

export type ReclaimRule = "newest" | "last" | "held" | "excess" | "deleting";
export type SourceReclaimRule = "base" | "active" | "last" | "held" | "excess" | "deleting";

/**
 * W9, W11: which groups of one plan at one site are beyond the retention: the restore points of a target, or a snapshot
 * plan's groups. Newest first; groups that are deleted already are left out.
 *
 * The newest published group is kept whatever `keepLast` says (I3). A group that somebody reads is kept and does not
 * count, so that reading an old one does not cost a newer one. What is being deleted is to be finished.
 */
export const planReclaim = ({
  groups,
  keepLast,
}: {
  readonly groups: readonly Group[];
  readonly keepLast: number;
}): Reclaim<ReclaimRule>[] => {
  const newest = newestPublished(groups);
  let counted = 0;
  return present(groups).map((group): Reclaim<ReclaimRule> => {
    if (group.state === "deleting") return finish(group);
    if (group.holds.length > 0) return held(group);
    counted += 1;
    if (group === newest) return keep(group, "newest", "kept: the newest group is never deleted");
    return counted <= keepLast ? last(group, keepLast) : excess(group, `not among the newest ${keepLast}`);
  });
};

/**
 * Which of a backup plan's groups on its source site are of no use any more. Kept are the bases of the next increment,
 * that is what is newest at any target (I4); groups of runs that have not ended; groups that somebody reads; and the
 * newest `keepLast`, where the plan says so for its source. The last two of these kinds don't count among `keepLast`.
 *
 * @param mirrorGroups the restore points of all targets
 * @param activeGroupIds the groups of runs that have not ended
 */
export const planSourceReclaim = ({
  sourceGroups,
  mirrorGroups,
  activeGroupIds,
  keepLast = 0,
}: {
  readonly sourceGroups: readonly Group[];
  readonly mirrorGroups: readonly Group[];
  readonly activeGroupIds: readonly GroupId[];
  readonly keepLast?: number;
}): Reclaim<SourceReclaimRule>[] => {
  const targetsByBase = basesOf(mirrorGroups);
  let counted = 0;
  return present(sourceGroups).map((group): Reclaim<SourceReclaimRule> => {
    if (group.state === "deleting") return finish(group);
    if (group.holds.length > 0) return held(group);
    if (activeGroupIds.includes(group.id)) return keep(group, "active", "kept: its run has not ended");
    counted += 1;
    const targets = targetsByBase.get(group.id);
    if (targets !== undefined) {
      return keep(group, "base", `kept: the next increment to ${targets.join(", ")} starts from it`);
    }
    if (counted <= keepLast) return last(group, keepLast);
    return excess(
      group,
      keepLast === 0 ? "no target needs it" : `no target needs it, and not among the newest ${keepLast}`,
    );
  });
};

/** By target, the newest group that it has published: the base of the next increment. */
const basesOf = (mirrorGroups: readonly Group[]): Map<GroupId, string[]> => {
  const targetsByBase = new Map<GroupId, string[]>();
  for (const [target, groups] of Map.groupBy(mirrorGroups, ({ siteId }) => siteId)) {
    const base = newestPublished(groups);
    if (base === undefined) continue;
    targetsByBase.set(base.id, [...(targetsByBase.get(base.id) ?? []), target].sort());
  }
  return targetsByBase;
};

/** Newest first. The sequence gives the order: no clock is trusted. */
const present = (groups: readonly Group[]): Group[] =>
  groups.filter(({ state }) => state !== "deleted").sort((one, other) => other.sequence - one.sequence);

const newestPublished = (groups: readonly Group[]): Group | undefined =>
  present(groups).find(({ state }) => state === "published");

const keep = <Rule extends string>(group: Group, rule: Rule, explanation: string): Reclaim<Rule> => ({
  group,
  verdict: "keep",
  rule,
  explanation,
});
const last = (group: Group, keepLast: number) => keep(group, "last", `kept: among the newest ${keepLast}`);
const held = (group: Group) => keep(group, "held", `kept: read by ${group.holds.join(", ")}`);
const excess = (group: Group, why: string) => reclaim(group, "excess", `deleted: ${why}`);
const finish = (group: Group) => reclaim(group, "deleting", "deleted: its deletion was begun before");

const reclaim = <Rule extends string>(group: Group, rule: Rule, explanation: string): Reclaim<Rule> => ({
  group,
  verdict: "delete",
  rule,
  explanation,
});
