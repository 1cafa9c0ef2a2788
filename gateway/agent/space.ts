import type { SpaceTask } from "../../core/api/task.ts";
import { withTimeouts } from "../storage/with-timeouts.ts";
import type { Watch } from "../time/standstill.ts";
import type { WorkDeps } from "./work.ts";

/**
 * Tells how much space deleting would give back; nothing is changed.
 * @throws what the storage and the queue throw
 */
export const tellSpace = async (
  { context, reports, time, log }: Pick<WorkDeps, "context" | "reports" | "time" | "log">,
  { id, planId, source, groups, mirrors, restored }: SpaceTask,
  watch: Watch,
): Promise<void> => {
  const { identity } = context;
  const storage = withTimeouts(context.storage, { time, ...watch });
  const made = restored && { key: restored.groupId, objects: restored.objects };
  const space = (await storage.spaceOf({ owner: { planId, source }, groups, mirrors, restored: made })) ?? null;
  const questionId = id.slice(id.lastIndexOf("/") + 1);
  await reports.send({ kind: "space", siteId: identity.siteId, gatewayId: identity.id, questionId, space });
  log.info({ questionId, space }, "space told");
};
