import type { Group } from "../api/group.ts";
import type { GroupId, Instant, SiteId } from "../api/ids.ts";
import { shownName } from "../api/name.ts";
import { instantText } from "../object/instant-text.ts";
import { basesAmong } from "./bases.ts";
import { holdsText } from "./holds.ts";
import { isOfOrder } from "./order.ts";

/** What is to become of one group, and why: shown to people as it is. */
export interface Reclaim<Rule extends string> {
  readonly group: Group;
  readonly verdict: "keep" | "delete";
  readonly rule: Rule;
  readonly explanation: string;
}

/** An object of the plan that its source has not any more. */
export interface Gone {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  /** Of the newest group that has it. */
  readonly lastSequence: number;
  /**
   * The newest good group at the site that has it, where that was looked for. Absent:
   * it goes by the number.
   */
  readonly groupId?: GroupId | undefined;
  /**
   * So long its newest copy is kept, of one that came by a rule. Absent: until it is
   * taken out of the plan.
   */
  readonly until?: Instant | undefined;
  /** It was gone before, and came back: the groups in between do not have it. */
  readonly gaps?: readonly Gap[] | undefined;
}

/**
 * The numbers of the last group that had an object before it was gone, and of the
 * first one with it again.
 */
export interface Gap {
  readonly after: number;
  readonly until: number;
}

type CommonRule = "until" | "last" | "held" | "lost" | "unknown" | "excess" | "deleting" | "gone" | "base";
export type ReclaimRule = CommonRule | "newest" | "failed";
export type SourceReclaimRule = CommonRule | "active";

/**
 * W9, W11: which groups of one plan at one site are beyond the retention: the restore points of a
 * target, or a snapshot plan's groups. Newest first; groups that are deleted already are left out.
 *
 * The newest published group is kept whatever `keepLast` says (I3). A group that somebody reads is
 * kept and does not count, so that reading an old one does not cost a newer one; nor does one that
 * the site does not have now, or that no known run made. Groups of failed runs go with those of
 * good ones that are as old, and are as many at most; they count only among themselves. The newest
 * good group that has an object which is gone is kept, whatever its age (I3), and what an increment
 * from or to another site starts from (I4), which is mostly among the newest. What is being deleted
 * is to be finished. What is kept until some time does not count either, and goes when that is
 * over.
 *
 * @param others the groups of sites that the plan sends to from here, or from there to here
 */
export const planReclaim = ({
  groups,
  keepLast,
  others = [],
  gone = [],
  now,
}: {
  readonly groups: readonly Group[];
  readonly keepLast: number;
  readonly others?: readonly Group[];
  readonly gone?: readonly Gone[];
  /** Absent: what is kept until some time is kept. */
  readonly now?: Instant;
}): Reclaim<ReclaimRule>[] => {
  const newest = [newestPublished(groups), newestPublished(groups.filter(({ ofFailedRun }) => !ofFailedRun))];
  const goneIn = goneByGroup(groups, gone);
  const bases = basesAmong(groups, others);
  let counted = 0;
  let failed = 0;
  return present(groups).map((group): Reclaim<ReclaimRule> => {
    const settled = settledOf(group, now);
    if (settled !== undefined) return settled;
    if (group.ofFailedRun) failed += 1;
    else counted += 1;
    if (newest.includes(group)) return keep(group, "newest", "kept: the newest group is never deleted");
    if (!group.ofFailedRun && counted <= keepLast) return last(group, keepLast);
    if (group.ofFailedRun && counted < keepLast && failed <= keepLast) {
      return keep(group, "failed", `kept, and not counted: its run failed; not older than the newest ${keepLast}`);
    }
    const sites = bases.get(group.id);
    if (sites !== undefined) return base(group, sites);
    const lastOf = goneIn.get(group.id);
    if (lastOf !== undefined) return keep(group, "gone", goneText(lastOf));
    return excess(group, `not among the newest ${keepLast}`);
  });
};

/**
 * Which of a backup plan's groups on the site that takes them are of no use any more. Kept are the
 * bases of the next increment, that is what is newest at any target and here (I4); groups of runs
 * that have not ended; groups that somebody reads; and the newest `keepLast`, where the plan says
 * so for its source. What is read, or of a run that has not ended, does not count among `keepLast`;
 * what a run that failed at all targets has left is of no use. The newest group that has an object
 * which is gone is kept where no target has such a good one, and where the plan keeps groups at its
 * source.
 *
 * @param mirrorGroups the groups of all targets
 * @param activeGroupIds the groups of runs that have not ended
 */
export const planSourceReclaim = ({
  sourceGroups,
  mirrorGroups,
  activeGroupIds,
  keepLast = 0,
  gone = [],
  now,
}: {
  readonly sourceGroups: readonly Group[];
  readonly mirrorGroups: readonly Group[];
  readonly activeGroupIds: readonly GroupId[];
  readonly keepLast?: number;
  readonly gone?: readonly Gone[];
  readonly now?: Instant;
}): Reclaim<SourceReclaimRule>[] => {
  const bases = basesAmong(sourceGroups, mirrorGroups);
  const atTarget = finderOfNewest(mirrorGroups.filter(isGood));
  const kept = gone.filter((object) => keepLast > 0 || atTarget(object) === undefined);
  const goneIn = goneByGroup(sourceGroups, kept);
  let counted = 0;
  return present(sourceGroups).map((group): Reclaim<SourceReclaimRule> => {
    const settled = settledOf(group, now);
    if (settled !== undefined) return settled;
    if (activeGroupIds.includes(group.id)) return keep(group, "active", "kept: its run has not ended");
    if (!group.ofFailedRun) counted += 1;
    const sites = bases.get(group.id);
    if (sites !== undefined) return base(group, sites);
    if (!group.ofFailedRun && counted <= keepLast) return last(group, keepLast);
    const lastOf = goneIn.get(group.id);
    if (lastOf !== undefined) return keep(group, "gone", goneText(lastOf));
    if (group.ofFailedRun) return excess(group, "no target needs it, and its run failed");
    return excess(
      group,
      keepLast === 0 ? "no target needs it" : `no target needs it, and not among the newest ${keepLast}`,
    );
  });
};

const isGood = ({ ofFailedRun }: Group): boolean => !ofFailedRun;

/**
 * Finds the newest group that has an object which is gone; those of failed runs only
 * where there is no other.
 */
const finderOfNewest = (groups: readonly Group[]): ((object: Gone) => Group | undefined) => {
  const published = present(groups).filter(isOfOrder);
  const good = published.filter(isGood);
  return ({ lastSequence, gaps = [] }) => {
    const has = ({ sequence }: Group) =>
      sequence <= lastSequence && !gaps.some(({ after, until }) => sequence > after && sequence < until);
    return good.find(has) ?? published.find(has);
  };
};

/** Of the objects that are gone, those whose newest copy at the site each group has. */
const goneByGroup = (
  groups: readonly Group[],
  gone: readonly Gone[],
): ReadonlyMap<GroupId | undefined, readonly Gone[]> => {
  const newestWith = finderOfNewest(groups);
  return Map.groupBy(gone, (object) => object.groupId ?? newestWith(object)?.id);
};

const goneShownMax = 3;

const goneText = (gone: readonly Gone[]): string => {
  const shown = gone.slice(0, goneShownMax).map(({ kind, name, until }) => {
    const end = until === undefined ? "while the plan names it" : `until ${instantText(until)}`;
    return `${kind} “${shownName(name)}” (${end})`;
  });
  const more = gone.length > shown.length ? `, and ${gone.length - shown.length} more` : "";
  return `kept: the newest that may have what is gone from the source: ${shown.join(", ")}${more}`;
};

/** What needs no counting: what is not there, what nobody knows, what is being read or deleted. */
const settledOf = (
  group: Group,
  now: Instant | undefined,
): Reclaim<"lost" | "unknown" | "deleting" | "held" | "until" | "excess"> | undefined => {
  if (group.state === "deleting") return finish(group);
  if (group.state === "lost") return keep(group, "lost", "kept, and not counted: the site does not have it now");
  if (group.state === "unknown") return keep(group, "unknown", "kept, and not counted: no run is known that made it");
  if (group.holds.length > 0) return held(group);
  const { keepUntil } = group;
  if (keepUntil === undefined) return undefined;
  const until = instantText(keepUntil);
  if (now !== undefined && keepUntil <= now) return excess(group, `it was kept until ${until}, for a rollback`);
  return keep(group, "until", `kept until ${until}, and not counted: a rollback can be undone with it`);
};

/** Newest first. The sequence gives the order: no clock is trusted. */
const present = (groups: readonly Group[]): Group[] =>
  groups.filter(({ state }) => state !== "deleted").sort((one, other) => other.sequence - one.sequence);

const newestPublished = (groups: readonly Group[]): Group | undefined => present(groups).find(isOfOrder);

const keep = <Rule extends string>(group: Group, rule: Rule, explanation: string): Reclaim<Rule> => ({
  group,
  verdict: "keep",
  rule,
  explanation,
});
const base = (group: Group, sites: readonly SiteId[]) =>
  keep(group, "base", `kept: the next increment to ${sites.join(", ")} starts from it`);
const last = (group: Group, keepLast: number) => keep(group, "last", `kept: among the newest ${keepLast}`);
const held = (group: Group) => keep(group, "held", `kept: ${holdsText(group)}`);
const excess = (group: Group, why: string) => reclaim(group, "excess", `deleted: ${why}`);
const finish = (group: Group) => reclaim(group, "deleting", "deleted: its deletion was begun before");

const reclaim = <Rule extends string>(group: Group, rule: Rule, explanation: string): Reclaim<Rule> => ({
  group,
  verdict: "delete",
  rule,
  explanation,
});
