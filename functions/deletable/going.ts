import type { Group } from "../../core/api/group.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { DeletionPlan } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import type { SourceReclaimRule } from "../../core/retention/retention.ts";
import { reclaimVerdicts } from "../groups/reclaim.ts";
import type { Deps } from "../ports/deps.ts";

/** A site, and which of the plan's groups there are meant. */
export type MeantAt = DeletionPlan["sites"][number];

/** What retention says of a group. */
interface RuledAs {
  readonly rule: SourceReclaimRule | "newest" | "failed";
  readonly explanation: string;
}

/** What a plan has at a site now. */
export interface SiteGroups {
  /** Those that are there, the newest first. */
  readonly here: readonly Stored<Group>[];
  readonly rules: ReadonlyMap<string, RuledAs>;
}

const isThere = ({ state }: Group): boolean => state === "published" || state === "unknown" || state === "deleting";

export const readSiteGroups = async (deps: Deps, plan: Plan, siteId: SiteId): Promise<SiteGroups> => {
  const { all, verdicts } = await reclaimVerdicts(deps, plan, siteId);
  const here = all
    .filter(({ body }) => body.siteId === siteId && isThere(body))
    .sort((one, other) => other.body.sequence - one.body.sequence);
  const rules = verdicts.map(({ group, rule, explanation }) => [group.id, { rule, explanation }] as const);
  return { here, rules: new Map(rules) };
};

/** Those that are meant. @param upTo of all, those whose number is not above it */
export const meantOf = (
  { here }: SiteGroups,
  { groups }: Pick<MeantAt, "groups">,
  upTo: number,
): readonly Stored<Group>[] =>
  here.filter(({ body }) => (groups === "all" ? body.sequence <= upTo : groups.includes(body.id)));

/** Whether the plan goes on to make groups at the site, or to start from them. */
export const isNeededAt = (plan: Plan, siteId: SiteId): boolean =>
  plan.status !== "deleted" && (siteId === plan.source || plan.targets.some(({ site }) => site === siteId));
