import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GroupAnswer, RunAnswer, RunObject } from "../../core/api/answers.ts";
import type { Damage, Group } from "../../core/api/group.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { reportSchema } from "../../core/api/report.ts";
import type { Run } from "../../core/api/run.ts";
import type { Page } from "../documents/page.ts";
import { factKey } from "../documents/records.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { handleReport } from "../report.ts";
import type { SnapshotFact } from "../runs/facts.ts";
import {
  createNightlyPlan,
  createTestApi,
  nightly,
  objectNamed,
  siteA,
  siteB,
  type TestApi,
  vmNamed,
} from "./testing.ts";
import { complete, groupsOn, progressOf, report, takeTasks, workAt } from "./testing-gateway.ts";

const runs = async (count: number) => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  for (let number = 0; number < count; number += 1) {
    await api.send("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB]);
    api.pass(60);
  }
  return api;
};
const groupsOf = async (api: TestApi, query = "") =>
  (await api.send<Page<Group>>("GET", `/v1/plans/nightly/groups${query}`)).body.items;

/** What site b says that it has. */
const tellInventory = (api: TestApi, seen: { objects: readonly ObjectConfig[]; damage: readonly Damage[] }) =>
  handleReport(
    api.deps,
    reportSchema.parse({
      kind: "inventory",
      siteId: siteB,
      gatewayId: "gw-1",
      generation: Date.parse(api.deps.clock.now()),
      part: 0,
      parts: 1,
      observedAt: api.deps.clock.now(),
      ...seen,
    }),
  );

describe("groups", () => {
  test("are listed by site with the newest first, without those that were deleted", async () => {
    const api = await runs(3);
    const sequences = async (query: string) => (await groupsOf(api, query)).map(({ sequence }) => sequence);
    assert.deepEqual(await sequences("?site=b"), [3, 2]);
    assert.deepEqual(await sequences("?site=a"), [3]);
    assert.deepEqual(
      (await groupsOf(api)).map(({ siteId, role }) => `${siteId} ${role}`),
      ["b mirror", "b mirror", "a source"],
    );
  });
});

describe("damage", () => {
  /** What site b says of its groups. */
  const tell = (api: TestApi, damage: readonly Damage[]) => tellInventory(api, { objects: [], damage });
  const marked = async (api: TestApi) =>
    (await api.send<Page<GroupAnswer>>("GET", "/v1/plans/nightly/groups")).body.items.map(
      ({ siteId, sequence, damage }) => [siteId, sequence, damage],
    );

  test("marks every group of a site that its gateway says is damaged, until it says that it is not", async () => {
    const api = await runs(2);
    const [newest, older] = await groupsOf(api, "?site=b");
    assert.ok(newest && older);
    const entries = [
      { groupId: older.id, volumeId: "v1", name: "db", extents: 3 },
      { groupId: older.id, volumeId: "v2", name: "web", extents: 1 },
    ];
    await tell(api, entries);
    const damage = entries.map(({ groupId: _, ...each }) => each);
    assert.deepEqual(await marked(api), [
      ["b", 2, undefined],
      ["b", 1, damage],
      ["a", 2, undefined],
    ]);
    api.pass(60);
    await tell(api, []);
    assert.ok((await marked(api)).every(([, , each]) => each === undefined));
  });

  test("keeps a group from being rebuilt at its site unless it is asked for all the same", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    const wanted = { type: "rebuild", groupId: group?.id, siteId: "b" };
    for (const evenDamaged of [undefined, true]) {
      await api.send<Run>("POST", "/v1/restores", { ...wanted, ...(evenDamaged && { evenDamaged }) });
      const tasks = takeTasks(api, siteB).map((task) => (task.kind === "rebuild" ? task.evenDamaged : task.kind));
      assert.deepEqual(tasks, [evenDamaged, evenDamaged]);
      api.pass(1);
    }
  });
});

describe("a group that the site did not have when it was asked", () => {
  test("is listed as lost, is not restorable, and pushes nothing out", async () => {
    const api = await runs(2);
    const [newest, oldest] = await groupsOf(api, "?site=b");
    assert(newest !== undefined && oldest !== undefined);
    groupsOn(api, siteB).delete(newest.id);
    await api.send("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB]);
    assert.deepEqual(
      (await groupsOf(api, "?site=b")).map(({ sequence, state }) => [sequence, state]),
      [
        [3, "published"],
        [2, "lost"],
        [1, "published"],
      ],
    );
    const wanted = { type: "rebuild", groupId: newest.id, siteId: "b" };
    const { status, body } = await api.send("POST", "/v1/restores", wanted);
    assert.deepEqual([status, body.error.code], [409, "GROUP_NOT_RESTORABLE"]);
    assert.match(body.error.message, /is lost: it was missing/);
  });
});

describe("restores", () => {
  test("a restore point is rebuilt by a run that can be looked at", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    const wanted = { type: "rebuild", groupId: group?.id, siteId: "b", namePrefix: "dr-" };
    const { status, body: run } = await api.send<Run>("POST", "/v1/restores", wanted);
    assert.deepEqual([status, run.kind], [201, "rebuild"]);
    const names = takeTasks(api, siteB).map((task) => (task.kind === "rebuild" ? task.name : task.kind));
    assert.deepEqual(names, ["dr-db", "dr-web"]);
    const { body } = await api.send<RunAnswer>("GET", `/v1/runs/${run.id}`);
    assert.equal(body.restore?.fromGroupId, group?.id);
    assert.deepEqual(
      body.targets.map(({ site, state, waitsFor }) => [site, state, waitsFor?.includes("“b”")]),
      [["b", "rebuilding", true]],
    );
  });

  test("of some objects, by name or id, is a run of those alone, in their order", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    const wanted = { type: "rebuild", groupId: group?.id, siteId: "b", objects: ["vm-web"] };
    const { status, body: run } = await api.send<Run>("POST", "/v1/restores", wanted);
    assert.deepEqual([status, run.objectCount], [201, 1]);
    const [task, ...others] = takeTasks(api, siteB);
    assert.ok(task?.kind === "rebuild" && others.length === 0);
    assert.deepEqual([task.index, task.object.id, task.name], [0, "vm-web", "rebuilt-web"]);
    const objects = async () =>
      (await api.send<Page<RunObject>>("GET", `/v1/runs/${run.id}/objects?target=b`)).body.items.map((one) => [
        one.index,
        one.name,
        one.progress.phase,
      ]);
    assert.deepEqual(await objects(), [[0, "web", "waiting"]]);
    await report(api, task, { kind: "working", progress: progressOf("sending", 100) });
    const under = await api.send<RunAnswer>("GET", `/v1/runs/${run.id}`);
    assert.equal(under.body.targets[0]?.current?.name, "web");
    await complete(api, task);
    const { body } = await api.send<RunAnswer>("GET", `/v1/runs/${run.id}`);
    assert.deepEqual(
      [body.status, body.targets[0]?.progress.objectsDone, await objects()],
      ["succeeded", 1, [[0, "web", "done"]]],
    );
    api.pass(1);
    const twice = { ...wanted, objects: ["web", "db", "lun-db", "vm-web"], namePrefix: "again-" };
    const { body: both } = await api.send<Run>("POST", "/v1/restores", twice);
    assert.equal(both.objectCount, 2);
    const names = takeTasks(api, siteB).map((one) => (one.kind === "rebuild" ? one.name : one.kind));
    assert.deepEqual(names, ["again-db", "again-web"]);
  });

  test("of objects that the group does not have, or of a name that two have, is refused", async () => {
    const api = await createTestApi();
    const vm = { kind: "vm", name: "db" };
    await createNightlyPlan(api, { objects: [{ kind: "lun", name: "db" }] });
    await putInventoryPart(api.deps, {
      ...{ kind: "inventory", siteId: siteA, gatewayId: gatewayIdSchema.parse("gw-1"), generation: 2 },
      ...{ part: 0, parts: 1, observedAt: api.deps.clock.now(), objects: [objectNamed("db"), vmNamed("db")] },
    });
    const objects = [{ kind: "lun", name: "db" }, vm];
    const updated = await api.send("PUT", "/v1/plans/nightly", { ...nightly, objects });
    assert.equal(updated.status, 200, JSON.stringify(updated.body));
    await api.send("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB]);
    const [group] = await groupsOf(api, "?site=b");
    const wanted = { type: "rebuild", groupId: group?.id, siteId: "b" };
    const before = await api.dump();
    for (const [code, hint, some] of [
      ["OBJECT_UNKNOWN", /group show group_/, ["lun-db", "mail"]],
      ["OBJECT_AMBIGUOUS", /lun-db \(lun\), vm-db \(vm\)/, ["db"]],
      ["BAD_REQUEST", /openapi/, []],
    ] as const) {
      const { body } = await api.send("POST", "/v1/restores", { ...wanted, objects: some });
      assert.equal(body.error.code, code);
      assert.match(body.error.hint ?? "", hint);
    }
    assert.equal(await api.dump(), before);
  });

  test("goes to its end, and its objects count as done", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    const wanted = { type: "rebuild", groupId: group?.id, siteId: "b" };
    const { body: run } = await api.send<Run>("POST", "/v1/restores", wanted);
    await workAt(api, [siteB]);
    const { body } = await api.send<RunAnswer>("GET", `/v1/runs/${run.id}`);
    assert.deepEqual([body.status, body.targets[0]?.progress.objectsDone], ["succeeded", 2]);
  });

  test("a prefix that is too long for a VM's disk is refused before anything is rebuilt", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    assert(group !== undefined);
    const wanted = { type: "rebuild", groupId: group.id, siteId: "b", namePrefix: "restored-" };
    const { store } = api.deps;
    const fact = await store.get<SnapshotFact>(factKey(group.runId, "snapshotting", "source", 1));
    assert(fact?.body.config.kind === "vm");
    const { config } = fact.body;
    const disks = config.vm.disks.map((disk) => ({ ...disk, name: "d".repeat(250) }));
    const body = { ...fact.body, config: { ...config, vm: { ...config.vm, disks } } };
    await store.commit([{ type: "put", key: fact.key, body, expect: { version: fact.version } }]);
    const { status, body: refusal } = await api.send("POST", "/v1/restores", wanted);
    assert.deepEqual([status, refusal.error.code], [400, "BAD_REQUEST"]);
    assert.match(refusal.error.message, /“restored-d+” has more than 255 characters/);
    assert.equal((await api.send("POST", "/v1/restores", { ...wanted, namePrefix: "dr-" })).status, 201);
  });

  test("names that the site has already are all told, before anything is made", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    const wanted = { type: "rebuild", groupId: group?.id, siteId: "b", namePrefix: "dr-" };
    const mirror = { planId: "plan_x", siteId: "a", role: "mirror" };
    await tellInventory(api, {
      damage: [],
      objects: [
        objectNamed("dr-web-0", { kind: "volume", id: "volume-1", lun: undefined }),
        vmNamed("dr-web"),
        objectNamed("dr-db", { origin: mirror }),
      ],
    });
    const { status, body } = await api.send("POST", "/v1/restores", wanted);
    assert.deepEqual([status, body.error.code], [409, "OBJECT_NAME_TAKEN"]);
    assert.match(
      body.error.message,
      /: vm “dr-web” \(vm-dr-web\), volume “dr-web-0” \(volume-1\)\. Nothing was rebuilt\.$/,
    );
    assert.match(body.error.hint ?? "", /--prefix TEXT or --rename OLD=NEW\. .*smtx-backup object delete ID --site b$/);
    assert.deepEqual(takeTasks(api, siteB), []);
    assert.equal((await api.send("POST", "/v1/restores", { ...wanted, namePrefix: "again-" })).status, 201);
  });

  test("what can't be restored is refused with a code and a hint, and changes nothing", async () => {
    const api = await runs(1);
    const [group] = await groupsOf(api, "?site=b");
    const good = { type: "rebuild", groupId: group?.id, siteId: "b" };
    const before = await api.dump();
    for (const [status, code, changes] of [
      [404, "GROUP_UNKNOWN", { groupId: group?.id.replace("20260301", "20200101") }],
      [404, "SITE_UNKNOWN", { siteId: "nowhere" }],
      [400, "BAD_REQUEST", { groupId: "latest" }],
      [400, "BAD_REQUEST", { type: "conjure" }],
      [400, "BAD_REQUEST", { namePrefix: "../" }],
      [400, "BAD_REQUEST", { force: true }],
    ] as const) {
      const answer = await api.send("POST", "/v1/restores", { ...good, ...changes });
      assert.deepEqual([answer.status, answer.body.error.code], [status, code]);
      assert.ok(answer.body.error.hint, code);
    }
    assert.equal(await api.dump(), before);
    assert.deepEqual(takeTasks(api, siteB), []);
  });
});
