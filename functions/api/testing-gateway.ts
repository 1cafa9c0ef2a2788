import assert from "node:assert/strict";
import type { OrderAnswer, OrderTaskOf } from "../../core/api/failover/order.ts";
import { type GroupId, gatewayIdSchema, type Instant, type SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule } from "../../core/api/plan.ts";
import type { Attached } from "../../core/api/restore/attach.ts";
import type { Progress } from "../../core/api/run.ts";
import { isRunTask, type RunTask, type TaskResult } from "../../core/api/task.ts";
import { handleReport } from "../report.ts";
import { objectNamed, type TestApi, vmNamed } from "./testing.ts";

export const progressOf = (phase: Progress["phase"], bytesSent: number): Progress => ({
  phase,
  extentsTotal: 4,
  extentsDone: phase === "done" ? 4 : 1,
  extentsUnchanged: 0,
  extentsHole: 1,
  bytesTotal: 1024 ** 3,
  bytesRead: 2 * bytesSent,
  bytesChanged: 2 * bytesSent,
  bytesSent,
});

/** The run tasks that wait on the site's queue, oldest first; they are taken off it. */
export const takeTasks = ({ deps }: TestApi, siteId: SiteId): readonly RunTask[] =>
  deps.tasks.takeAll(siteId).map(({ task }) => {
    assert.ok(isRunTask(task));
    return task;
  });

/** What a gateway says of a task. */
export const report = (api: TestApi, task: RunTask, said: object): Promise<void> => {
  const { id: taskId, runId, target, step, index, attempt, siteId } = task;
  const gatewayId = gatewayIdSchema.parse("gw-1");
  return handleReport(api.deps, { taskId, runId, target, step, index, attempt, siteId, gatewayId, ...said });
};

/**
 * What a gateway would say that a task came to.
 * @param present the groups that its site has afterwards
 */
export const resultOf = (
  task: RunTask,
  takenAt: Extract<TaskResult, { kind: "snapshot" }>["takenAt"],
  present: Iterable<GroupId>,
): TaskResult => {
  switch (task.kind) {
    case "snapshot": {
      const objects = task.objects.map((entry) => {
        assert.ok(!isRule(entry), "the sites of these tests know no rules");
        const { kind, name } = entry;
        return { config: kind === "vm" ? vmNamed(name) : objectNamed(name), snapshotIds: [`s-${name}`] };
      });
      return { kind: "snapshot", takenAt, from: 0, objects };
    }
    case "prepare":
      return {
        kind: "prepare",
        volumes: task.object.volumes.map(({ id }) => ({ sourceVolumeId: id, mirrorVolumeId: `mirror-${id}` })),
      };
    case "transfer":
      return { kind: "transfer", progress: progressOf("done", 1000) };
    case "publish":
      return {
        ...{ kind: "publish", publishedAt: takenAt, sizeBytes: 2 * 1024 ** 3 },
        rebuild: [{ how: "snapshot", seconds: 0, objects: 1 }],
      };
    case "reclaim":
      return { kind: "reclaim", deleted: task.groupIds, present: [...present] };
    case "attach":
      return { kind: "attach", progress: progressOf("done", 0) };
    case "rebuild":
      return { kind: "rebuild", object: { ...published(task.object), name: task.name } };
    case "order":
      return { kind: "order", order: answerTo(task.order) };
    case "check":
    case "rollback":
    case "undo-rollback":
    case "abort":
    case "unstage":
      return { kind: task.kind };
  }
};

/** Of a site at which VMs are on until they are compared, and everything is as it was. */
const answerTo = (order: OrderTaskOf): OrderAnswer => {
  if (order.type === "ready") return { type: "ready" };
  const power = order.object.kind === "vm" ? ("on" as const) : ("none" as const);
  if (order.type === "look") return { type: "look", power, obstacles: [] };
  if (order.type !== "compare") return { type: order.type, power };
  return { type: "compare", power: power === "on" ? "off" : power, extents: 0 };
};

/** An object as its group has it. */
const published = ({ kind, id }: Pick<ObjectConfig, "kind" | "id">): ObjectConfig => {
  const name = id.slice(id.indexOf("-") + 1);
  return { ...(kind === "vm" ? vmNamed(name) : objectNamed(name)), id };
};

const groupsAt = new WeakMap<TestApi, Map<SiteId, Set<GroupId>>>();

/** The groups that a site has, by the tasks that it has done: a test may take some away. */
export const groupsOn = (api: TestApi, siteId: SiteId): Set<GroupId> => {
  const sites = groupsAt.get(api) ?? new Map<SiteId, Set<GroupId>>();
  groupsAt.set(api, sites);
  const groups = sites.get(siteId) ?? new Set();
  sites.set(siteId, groups);
  return groups;
};

/** What a task does to the groups of its site. */
export const doTask = (groups: Set<GroupId>, task: RunTask): void => {
  if (task.kind === "snapshot" || task.kind === "publish") groups.add(task.groupId);
  if (task.kind === "reclaim") for (const groupId of task.groupIds) groups.delete(groupId);
};

/** Says that the task is done. @param at by the clock of the site */
export const complete = (api: TestApi, task: RunTask, at = api.deps.clock.now()): Promise<void> => {
  if (task.kind === "attach") return serve(api, task);
  const groups = groupsOn(api, task.siteId);
  doTask(groups, task);
  return report(api, task, { kind: "completed", result: resultOf(task, at, groups) });
};

/** Says that it serves an attachment: one is worked on until somebody has enough of it. */
export const serve = (api: TestApi, task: RunTask, more: Partial<Attached> = {}): Promise<void> => {
  const exports = [{ name: "db", disk: 0, sizeBytes: 1024 ** 3 }];
  const attached = { since: api.deps.clock.now(), host: "host-b", socket: "/run/attached/db.sock", exports, ...more };
  return report(api, task, { kind: "working", progress: progressOf("sending", 0), attached });
};

/** Does all that there is to do at the sites, until nothing is left. @param at by their clocks */
export const workAt = async (api: TestApi, sites: readonly SiteId[], at?: Instant): Promise<void> => {
  for (let round = 0; round < 100; round += 1) {
    const tasks = sites.flatMap((siteId) => takeTasks(api, siteId));
    if (tasks.length === 0) return;
    for (const task of tasks) await complete(api, task, at);
  }
  assert.fail("there is always more to do");
};
