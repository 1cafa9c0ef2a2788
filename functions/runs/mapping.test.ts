import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { prepareTaskSchema } from "../../core/api/task.ts";
import { siteA, siteB, vmNamed } from "../api/testing.ts";
import { complete, report, resultOf, takeTasks, workAt } from "../api/testing-gateway.ts";
import { begin, look, takeSnapshot, web } from "../engine/testing-kinds.ts";
import { readGroups } from "../groups/groups.ts";
import { handleSweep } from "../sweep.ts";

const siteC = siteIdSchema.parse("c");
const target = { site: "b", retention: { keepLast: 2 } };
/** A second target in the same multi-cluster. */
const twoTargets = { targets: [{ ...target, switches: { "vds-0": "ovs" } }] };

describe("what a preparation is told", () => {
  test("is the pool of the plan's target, and of the mapped switches those that the object uses", async () => {
    const switches = { "vds-0": "ovs", other: "ovs-2" };
    const { api } = await begin({ targets: [{ ...target, pool: "fast", switches }] });
    await takeSnapshot(api);
    const told = takeTasks(api, siteB).map((task) => prepareTaskSchema.parse(JSON.parse(JSON.stringify(task))).mapping);
    assert.deepEqual(told, [
      { pool: "fast", switches: {} },
      { pool: "fast", switches: { "vds-0": "ovs" } },
      { pool: "fast", switches: {} },
    ]);
  });

  test("is nothing of what is at the target as it is at the source", async () => {
    const { api } = await begin(twoTargets);
    await takeSnapshot(api);
    const told = takeTasks(api, siteB).map((task) => task.kind === "prepare" && task.mapping);
    assert.deepEqual(told, [undefined, { switches: { "vds-0": "ovs" } }, undefined]);
  });

  test("is what the sites say where the plan says nothing, and an empty name of the plan's maps nothing", async () => {
    for (const [ofPlan, expected] of [
      [{}, { "vds-0": "by-site" }],
      [{ "vds-0": "by-plan" }, { "vds-0": "by-plan" }],
      [{ "vds-0": "" }, {}],
    ] as const) {
      const { api, run } = await begin(twoTargets);
      await api.send("PUT", "/v1/sites/a/switch-maps/b", { switches: { "vds-0": "by-site" } });
      const key = { partition: `PLAN#${run.planId}`, sort: "PLAN" };
      const plan = (await api.deps.store.get<object>(key)) ?? assert.fail("there is a plan");
      await api.deps.store.putAll([{ key, body: { ...plan.body, targets: [{ ...target, switches: ofPlan }] } }]);
      await takeSnapshot(api);
      const [, task] = takeTasks(api, siteB);
      assert.deepEqual(task?.kind === "prepare" && task.mapping, { switches: expected });
    }
  });

  test("stays what it was when the first was prepared, whatever is mapped since and however often it is sent", async () => {
    const { api } = await begin(twoTargets);
    await takeSnapshot(api);
    const before = takeTasks(api, siteB);
    await api.send("PUT", "/v1/plans/nightly", {
      ...{ name: "nightly", source: "a", objects: [{ kind: "lun", name: "db" }] },
      targets: [{ ...target, switches: { "vds-0": "another" } }],
    });
    api.pass(3600);
    await handleSweep(api.deps);
    const again = takeTasks(api, siteB);
    const told = (tasks: typeof before) =>
      tasks.toSorted((one, other) => one.index - other.index).map((task) => task.kind === "prepare" && task.mapping);
    assert.equal(again.length, 3);
    assert.deepEqual(told(again), told(before));
  });
});

describe("a preparation", () => {
  test("that fails moves no data, and the run says for which object and why; another target goes on", async () => {
    const { api, run: first } = await begin();
    await api.send("POST", `/v1/runs/${first.id}/cancel`);
    takeTasks(api, siteA);
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const { status } = await api.send("PUT", "/v1/plans/nightly", {
      ...{ name: "nightly", source: "a" },
      objects: [
        { kind: "lun", name: "db" },
        { kind: "vm", id: "vm-web" },
        { kind: "volume", match: "web-*" },
      ],
      targets: ["b", "c"].map((site) => ({ ...target, site, switches: { "vds-0": "ovs" } })),
    });
    assert.equal(status, 200);
    api.pass(60);
    const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    await takeSnapshot(api);
    const tasks = takeTasks(api, siteB);
    const failing = tasks.find((task) => task.kind === "prepare" && task.object.id === web.id);
    assert.ok(failing);
    const reason = { code: "SWITCH_UNKNOWN", message: "b has no virtual switch “ovs”." };
    await report(api, failing, { kind: "failed", reason, retryable: false, progressed: false });
    for (const task of tasks) if (task !== failing) await complete(api, task);
    await workAt(api, [siteA, siteB, siteC]);
    const { targets } = await look(api, run);
    assert.deepEqual(
      targets.map(({ site, state, reason: why }) => [site, state, why?.code, why?.message]),
      [
        ["b", "failed", "SWITCH_UNKNOWN", "Object web (vm): b has no virtual switch “ovs”."],
        ["c", "succeeded", undefined, undefined],
      ],
    );
    assert.equal(targets[0]?.progress.bytesSent, 0);
  });

  test("that warns lets the data go on; run, part and restore point have the warning", async () => {
    const { api, run } = await begin();
    await takeSnapshot(api);
    const warning = { code: "SWITCH_UNMAPPED", message: "The NIC of web is not connected." };
    for (const task of takeTasks(api, siteB)) {
      const result = { ...resultOf(task, api.deps.clock.now(), []), ...(task.index === 1 && { warnings: [warning] }) };
      await report(api, task, { kind: "completed", result });
    }
    await workAt(api, [siteA, siteB]);
    const { warnings, targets } = await look(api, run);
    assert.deepEqual([warnings, targets[0]?.state, targets[0]?.warning], [[warning], "succeeded", warning]);
    const groups = (await readGroups(api.deps, run.planId)).map(({ body }): Group => body);
    assert.deepEqual(
      groups.map(({ siteId, warnings: some }) => [siteId, some]),
      [
        ["a", undefined],
        ["b", [warning]],
      ],
    );
  });

  test("of many objects warns of twenty at most, and the last warning says how many there are more", async () => {
    const { api, run } = await begin();
    const objects = Array.from({ length: 30 }, (_, index) => ({
      config: vmNamed(`vm${index}`, { volumes: [{ ...web.volumes[0], id: `volume-${index}` }] }),
      snapshotIds: [`s-${index}`],
    }));
    await takeSnapshot(api, { objects });
    for (let tasks = takeTasks(api, siteB); tasks.length > 0; tasks = takeTasks(api, siteB)) {
      for (const task of tasks) {
        const warnings = [0, 1].map((nic) => ({ code: "SWITCH_UNMAPPED", message: `NIC ${nic} of ${task.index}` }));
        const result = { ...resultOf(task, api.deps.clock.now(), []), warnings };
        await report(api, task, { kind: "completed", result });
      }
    }
    const { warnings = [], targets } = await look(api, run);
    assert.equal(warnings.length, 20);
    assert.equal(warnings.at(-1)?.message, "And 41 more.");
    assert.match(targets[0]?.warning?.message ?? "", /^NIC 0 of 0 And 59 more\.$/);
  });
});
