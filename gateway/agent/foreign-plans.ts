import { adoptedGroupsMax } from "../../core/api/adoption/adoption.ts";
import type { ForeignPlansTask } from "../../core/api/task.ts";
import type { ForeignGroup } from "../storage/control.ts";
import { withTimeouts } from "../storage/with-timeouts.ts";
import type { Watch } from "../time/standstill.ts";
import { packedManifest } from "./packed-manifest.ts";
import type { WorkDeps } from "./work.ts";

/**
 * Tells all groups that were published here for plans of other sites, the newest of each plan
 * first; nothing is changed. What is deleted meanwhile is told without a manifest, and so refused.
 * @throws what the storage and the queue throw
 */
export const tellForeignPlans = async (
  { context, reports, time, log }: Pick<WorkDeps, "context" | "reports" | "time" | "log">,
  { id, plans }: ForeignPlansTask,
  watch: Watch,
): Promise<void> => {
  const { identity } = context;
  const storage = withTimeouts(context.storage, { time, ...watch });
  const all = byAge(await storage.foreignGroups()).filter((group) => plans === undefined || isOf(group, plans));
  const told = all.slice(0, adoptedGroupsMax);
  const answer = {
    kind: "foreign-plans",
    ...{ siteId: identity.siteId, gatewayId: identity.id },
    questionId: id.slice(id.lastIndexOf("/") + 1),
    ...{ groups: told.length, leftOut: all.length - told.length },
  } as const;
  if (told.length === 0) await reports.send(answer);
  for (const group of told) {
    const text = await storage.foreignManifest(group.group.groupId);
    const pieces = text === undefined ? [] : await packedManifest(text);
    for (const [piece, packed] of (pieces.length === 0 ? [""] : pieces).entries()) {
      await reports.send({ ...answer, told: { ...group, piece, pieces: pieces.length, packed } });
      watch.signal.throwIfAborted();
      watch.onMoved();
    }
  }
  const { questionId, groups, leftOut } = answer;
  log.info({ questionId, groups, leftOut }, "foreign plans told");
};

const isOf = ({ group: { planId }, planName }: ForeignGroup, plans: readonly string[]): boolean =>
  plans.includes(planId) || plans.includes(planName);

/** The newest of each plan, then the second of each: where not all can be told, none is missing. */
const byAge = (all: readonly ForeignGroup[]): readonly ForeignGroup[] => {
  const ofPlans = Map.groupBy(all, ({ group: { planId, source } }) => `${planId}/${source}`);
  const ranked = [...ofPlans.values()].flatMap((some) =>
    some.toSorted((one, other) => other.group.sequence - one.group.sequence).map((group, rank) => ({ group, rank })),
  );
  return ranked.toSorted((one, other) => one.rank - other.rank).map(({ group }) => group);
};
