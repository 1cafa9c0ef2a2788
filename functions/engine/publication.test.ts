import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { scheduleSchema } from "../../core/api/plan.ts";
import { type PublishTask, publishTaskSchema, type RunTask } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, nightly, objectNamed, siteA, siteB, vmNamed } from "../api/testing.ts";
import { complete, report, resultOf, takeTasks } from "../api/testing-gateway.ts";

/** What the target is told to publish. @param keeps whether it keeps the object of an index */
const publicationWhere = async (keeps: (index: number) => boolean): Promise<PublishTask> => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  await api.send("POST", "/v1/plans/nightly/run");
  const done = (task: RunTask) => {
    if (task.kind !== "prepare" || !keeps(task.index)) return complete(api, task);
    const result = { ...resultOf(task, api.deps.clock.now(), []), keepsConfig: true };
    return report(api, task, { kind: "completed", result });
  };
  for (let round = 0; round < 20; round += 1) {
    const tasks = [siteA, siteB].flatMap((siteId) => takeTasks(api, siteId));
    const publish = tasks.find((task) => task.kind === "publish");
    if (publish !== undefined) return publishTaskSchema.parse(JSON.parse(JSON.stringify(publish)));
    for (const task of tasks) await done(task);
  }
  return assert.fail("nothing is published");
};

const configs = [objectNamed("db"), vmNamed("web")];
const listed = ["db", "web"].map((name, index) => ({
  index,
  volumes: [{ sourceVolumeId: `volume-${name}`, mirrorVolumeId: `mirror-volume-${name}` }],
}));
const set = {
  count: 2,
  sha256: createHash("sha256").update('["mirror-volume-db","mirror-volume-web"]').digest("hex"),
};

describe("a publication", () => {
  test("tells all where gateways of before have prepared, for they may have to publish", async () => {
    const { mirrors, manifest } = await publicationWhere(() => false);
    assert.deepEqual([mirrors, manifest.objects], [listed, configs]);
  });

  test("tells nothing again that the target keeps", async () => {
    const { mirrors, manifest, groupId } = await publicationWhere(() => true);
    assert.deepEqual([mirrors, manifest.objects], [set, [null, null]]);
    assert.deepEqual([manifest.planName, manifest.groupId, manifest.sequence], ["nightly", groupId, 1]);
  });

  test("tells the target how the plan is set, for whoever has nothing but the target", async () => {
    const { manifest } = await publicationWhere(() => true);
    assert.deepEqual(manifest.plan, {
      targets: nightly.targets,
      schedule: scheduleSchema.parse(nightly.schedule),
      compression: { enabled: true, level: 1, dictionary: true },
      entries: configs.map(({ kind, id, name }) => ({ kind, id, name })),
    });
    assert.equal((await publicationWhere(() => false)).manifest.plan, undefined);
  });

  test("tells of a run that was begun before a gateway's upgrade what is missing", async () => {
    const { mirrors, manifest } = await publicationWhere((index) => index === 0);
    assert.deepEqual([mirrors, manifest.objects], [set, [null, configs[1]]]);
  });
});
