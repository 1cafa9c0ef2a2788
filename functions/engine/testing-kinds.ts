import assert from "node:assert/strict";
import type { RunAnswer, RunObject } from "../../core/api/answers.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask, TaskResultOf } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, objectNamed, siteA, type TestApi, vmNamed } from "../api/testing.ts";
import { complete, groupsOn, report, takeTasks } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";

const geometry = { extentBytes: 2 ** 28, stripeCount: 1, stripeBytes: 2 ** 28 };
export const sizeBytes = 1024 ** 3;

const volume = (id: string) => ({ id, sizeBytes, geometry });

/** A VM of two disks and two NICs, one of these on a switch that nothing takes the place of. */
export const web: ObjectConfig = vmNamed("web", {
  volumes: [volume("volume-web"), volume("volume-web-1")],
  leftOut: [{ what: "CD-ROM tools.iso", reason: "it is no data of the VM's" }],
});

/** The second disk of the VM by itself. */
export const loose: ObjectConfig = objectNamed("web-1", {
  ...{ kind: "volume", id: "volume-web-1", lun: undefined },
  volumes: [volume("volume-web-1")],
});

/**
 * What the source says of the nightly plan: a LUN, a VM of two disks, and one of these
 * by itself, by a rule.
 */
export const snapshotOf = (api: TestApi, more: Partial<TaskResultOf<"snapshot">> = {}) => ({
  ...{ kind: "snapshot", takenAt: api.deps.clock.now(), from: 0, fromVolume: 0 },
  objects: [
    { config: objectNamed("db"), snapshotIds: ["s-db"] },
    { config: web, snapshotIds: ["s-web", "s-web-1"] },
    { config: loose, snapshotIds: ["s-web-1"], because: 2, repeated: [0] },
  ],
  ...more,
});

/** The nightly plan with a rule, and a run of it whose snapshot is to be taken. */
export const begin = async (changes: object = {}) => {
  const api = await createTestApi();
  const rule = { kind: "volume", match: "web-*" };
  const objects = [{ kind: "lun", name: "db" }, { kind: "vm", id: "vm-web" }, rule];
  const { status } = await createNightlyPlan(api, { objects, ...changes });
  assert.equal(status, 201);
  const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
  return { api, run };
};

export const takeSnapshot = async (api: TestApi, more: Partial<TaskResultOf<"snapshot">> = {}): Promise<void> => {
  const [task] = takeTasks(api, siteA);
  assert.ok(task?.kind === "snapshot");
  groupsOn(api, siteA).add(task.groupId);
  await report(api, task, { kind: "completed", result: snapshotOf(api, more) });
};

/**
 * Does what is to be done at sites, until all that is left is of a kind.
 * @returns that, which is taken
 */
export const workUntil = async (
  api: TestApi,
  sites: readonly SiteId[],
  kind: RunTask["kind"],
): Promise<readonly RunTask[]> => {
  const held: RunTask[] = [];
  for (let round = 0; round < 50; round += 1) {
    const tasks = sites.flatMap((site) => takeTasks(api, site));
    held.push(...tasks.filter((task) => task.kind === kind));
    const others = tasks.filter((task) => task.kind !== kind);
    if (others.length === 0) return held.sort((one, other) => one.index - other.index);
    for (const task of others) await complete(api, task);
  }
  return assert.fail("there is always more to do");
};

export const look = async (api: TestApi, { id }: Pick<Run, "id">): Promise<RunAnswer> =>
  (await api.send<RunAnswer>("GET", `/v1/runs/${id}`)).body;

export const objectsOf = async (api: TestApi, { id }: Pick<Run, "id">, query = "?target=b") =>
  (await api.send<Page<RunObject>>("GET", `/v1/runs/${id}/objects${query}`)).body;
