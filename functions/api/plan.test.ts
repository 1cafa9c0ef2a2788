import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  ErrorBody,
  PlanAnswer,
  PlanListEntry,
  PlanMembersAnswer,
  PlanSummary,
  RetentionAnswer,
} from "../../core/api/answers.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import { groupSchema } from "../../core/api/group.ts";
import { groupIdOf, instantSchema, runIdOf, type SiteId } from "../../core/api/ids.ts";
import { objectConfigSchema } from "../../core/api/object.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { GoneRecord } from "../../core/retention/gone.ts";
import { previewRuns } from "../../core/schedule/slots.ts";
import type { Page } from "../documents/page.ts";
import { goneKey, groupKey, planKey } from "../documents/records.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { toldBy } from "../inventory/testing.ts";
import {
  createNightlyPlan,
  createTestApi,
  facilitiesOfA,
  nightly,
  objectNamed,
  siteA,
  siteB,
  type TestApi,
  vmNamed,
} from "./testing.ts";

/** Four disks, two NICs. */
const largeVm = (name: string) => {
  const one = vmNamed(name);
  assert.ok(one.kind === "vm");
  const [[volume], [disk], [nic]] = [one.volumes, one.vm.disks, one.vm.nics];
  const disks = [0, 1, 2, 3].map((index) => ({ ...disk, volumeId: `volume-${name}-${index}`, index }));
  const nics = [0, 1].map((order) => ({ ...nic, macAddress: `52:54:00:00:00:0${order}`, order }));
  const volumes = disks.map(({ volumeId: id }) => ({ ...volume, id }));
  return objectConfigSchema.parse({ ...one, volumes, vm: { ...one.vm, disks, nics } });
};

describe("plans", () => {
  test("a plan is created with its objects found, its schedule made, and is there by id and by name", async () => {
    const api = await createTestApi();
    const { status, body: plan } = await createNightlyPlan(api);
    assert.equal(status, 201);
    assert.deepEqual(plan.objects, [
      { kind: "lun", id: "lun-db", name: "db" },
      { kind: "vm", id: "vm-web", name: "web" },
    ]);
    assert.deepEqual([plan.kind, plan.status, plan.createdAt], ["backup", "active", "2026-03-01T00:30:00.000Z"]);
    assert.ok(api.schedules.has(plan.id));
    for (const ref of [plan.id, "nightly"])
      assert.deepEqual((await api.send("GET", `/v1/plans/${ref}`)).body, { ...plan, lastRun: null });
  });

  test("a plan that is made or changed says what is left out of its objects", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const leftOut = [{ what: "CD-ROM tools.iso", reason: "it is no data of the VM's" }];
    const at = Date.parse(api.deps.clock.now()) + 1;
    const objects = [objectNamed("db"), vmNamed("app", { leftOut }), vmNamed("web", { leftOut })];
    for (const part of toldBy({ siteId: siteA, at, objects })) await putInventoryPart(api.deps, part);
    const { body } = await api.send<PlanAnswer>("PUT", "/v1/plans/nightly", {
      ...nightly,
      objects: [...nightly.objects, { kind: "vm", match: "a*" }],
    });
    assert.deepEqual(body.leftOut, [
      { kind: "vm", id: "vm-web", name: "web", because: "it is named", leftOut },
      { kind: "vm", id: "vm-app", name: "app", because: "vm a*", leftOut },
    ]);
    assert.deepEqual(body.objects.at(-1), { kind: "vm", match: "a*" });
    const { leftOut: _, ...rest } = body;
    const { body: shown } = await api.send<PlanAnswer>("GET", "/v1/plans/nightly");
    assert.deepEqual(shown, { ...rest, lastRun: null });
  });

  test("a plan is checked by what the target has, and by the mappings of the sites", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const facilities: Facilities = {
      ...facilitiesOfA,
      pools: [{ name: "dr" }],
      switches: [{ name: "ovs", vlans: [] }],
    };
    for (const part of toldBy({ siteId: siteB, at: 1 })) await putInventoryPart(api.deps, { ...part, facilities });
    const target = { site: "b", retention: { keepLast: 1 } };
    const codeWith = async (changes: object) => {
      const { body } = await api.send<PlanAnswer & ErrorBody>("PUT", "/v1/plans/nightly", {
        ...nightly,
        targets: [{ ...target, ...changes }],
      });
      return body.error?.code ?? "taken";
    };
    assert.equal(await codeWith({}), "SWITCH_UNMAPPED");
    assert.equal(await codeWith({ switches: { "vds-0": "vds-0" } }), "SWITCH_UNKNOWN");
    await api.send("PUT", "/v1/sites/a/switch-maps/b", { switches: { "vds-0": "ovs" } });
    assert.equal(await codeWith({}), "taken");
    assert.equal(await codeWith({ pool: "default" }), "POOL_UNKNOWN");
    assert.equal(await codeWith({ pool: "dr" }), "taken");
  });

  test("a plan whose pool at a target is too small is made, with a warning", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const facilities: Facilities = {
      ...facilitiesOfA,
      pools: [{ name: "dr", capacityBytes: 1024 }],
      switches: [{ name: "ovs", vlans: [] }],
    };
    for (const part of toldBy({ siteId: siteB, at: 1 })) await putInventoryPart(api.deps, { ...part, facilities });
    const { status, body } = await api.send<PlanAnswer>("POST", "/v1/plans", { ...nightly, name: "second" });
    assert.deepEqual([status, body.warnings?.map(({ code }) => code)], [201, ["POOL_FULL"]]);
  });

  test("a plan of 1,000 VMs with four disks and two NICs each is made", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const vms = Array.from({ length: 1000 }, (_, index) => largeVm(`${index}`));
    for (const part of toldBy({ siteId: siteA, at: 1, objects: vms })) await putInventoryPart(api.deps, part);
    const definition = { name: "large", source: "a", retention: { keepLast: 1 } };
    const named = vms.map(({ kind, name }) => ({ kind, name }));
    const { body: byName } = await api.send<PlanAnswer>("POST", "/v1/plans", { ...definition, objects: named });
    assert.equal(byName.objectCount, 1000);
    const byRule = { ...definition, name: "rule", objects: [{ kind: "vm", match: "*" }] };
    assert.equal((await api.send("POST", "/v1/plans", byRule)).status, 201);
    const { body } = await api.send<PlanMembersAnswer>("GET", "/v1/plans/rule/objects?limit=100");
    assert.deepEqual([body.items.length, body.items[0]?.because], [100, "vm *"]);
  });

  test("plans are listed by name, in short", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    await api.send("POST", "/v1/plans", { ...nightly, name: "a-first" });
    const { items } = (await api.send<Page<PlanSummary>>("GET", "/v1/plans")).body;
    assert.deepEqual(
      items.map(({ name, objectCount }) => [name, objectCount]),
      [
        ["a-first", 2],
        ["nightly", 2],
      ],
    );
  });

  test("plans are listed with what the last run of each came to, whatever goes on", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const last = async () => (await api.send<Page<PlanListEntry>>("GET", "/v1/plans")).body.items[0]?.lastRun;
    assert.equal(await last(), null);
    const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    assert.equal(await last(), null);
    await api.send("POST", `/v1/runs/${run.id}/cancel`);
    const endedAt = api.deps.clock.now();
    api.pass(60);
    await api.send("POST", "/v1/plans/nightly/run");
    const { id, slot } = run;
    assert.deepEqual(await last(), { id, slot, status: "cancelled", endedAt });
  });

  test("an update replaces the definition, moves the name, and keeps the id", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    const definition = { ...nightly, name: "weekly", objects: [{ kind: "lun", name: "db" }], schedule: undefined };
    const { status, body } = await api.send<PlanAnswer>("PUT", "/v1/plans/nightly", definition);
    assert.deepEqual([status, body.id, body.name, body.objects.length], [200, plan.id, "weekly", 1]);
    assert.equal(body.schedule, undefined);
    assert.ok(!api.schedules.has(plan.id));
    assert.equal((await api.send("GET", "/v1/plans/nightly")).body.error.code, "PLAN_UNKNOWN");
    assert.equal((await api.send<PlanAnswer>("GET", "/v1/plans/weekly")).body.id, plan.id);
  });

  test("a plan has the stages that it is given, until it is written without them", async () => {
    const api = await createTestApi();
    const stages = [{ objects: ["db"], delaySeconds: 5, message: "Look at it." }];
    const { body: made } = await createNightlyPlan(api, { stages });
    assert.deepEqual((made as PlanAnswer).stages, stages);
    const shown = async () => (await api.send<PlanAnswer>("GET", "/v1/plans/nightly")).body.stages;
    assert.deepEqual(await shown(), stages);
    const { body: listed } = await api.send<{ items: object[] }>("GET", "/v1/plans");
    assert.ok(!("stages" in (listed.items[0] ?? {})), "a list has plans in short");
    const put = (more: object) => api.send<PlanAnswer>("PUT", "/v1/plans/nightly", { ...nightly, ...more });
    const { status, body } = await put({ stages: [{ objects: ["dbb"] }] });
    assert.deepEqual([status, (body as unknown as { error: { code: string } }).error.code], [400, "BAD_REQUEST"]);
    assert.deepEqual(await shown(), stages);
    assert.equal((await put({})).status, 200);
    assert.equal(await shown(), undefined);
  });

  test("a suspended plan goes on when it is resumed", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    assert.equal((await api.send<PlanAnswer>("POST", "/v1/plans/nightly/suspend")).body.status, "suspended");
    assert.ok(!api.schedules.has(plan.id));
    assert.equal((await api.send<PlanAnswer>("POST", "/v1/plans/nightly/resume")).body.status, "active");
    assert.ok(api.schedules.has(plan.id));
  });

  test("a deleted plan frees its name, and can't be run or changed", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    assert.equal((await api.send("DELETE", "/v1/plans/nightly")).status, 204);
    assert.equal((await api.send<PlanAnswer>("GET", `/v1/plans/${plan.id}`)).body.status, "deleted");
    const changes = [
      ["POST", "/run"],
      ["PUT", ""],
    ] as const;
    for (const [method, path] of changes) {
      const { body } = await api.send(method, `/v1/plans/${plan.id}${path}`, method === "PUT" ? nightly : undefined);
      assert.equal(body.error.code, "PLAN_UNKNOWN");
    }
    assert.deepEqual((await api.send("GET", `/v1/plans/${plan.id}/schedule`)).body, { slots: [], isDeleted: true });
    assert.equal((await api.send("POST", "/v1/plans", nightly)).status, 201);
  });

  test("a deleted plan is found by the name that it had, and is not taken for one that can be changed", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    await api.send("DELETE", "/v1/plans/nightly");
    const found = await api.send<PlanAnswer>("GET", "/v1/plans/nightly");
    assert.deepEqual([found.status, found.body.id, found.body.status], [200, plan.id, "deleted"]);
    assert.equal((await api.send("GET", "/v1/plans/nightly/groups")).status, 200);
    assert.equal((await api.send("GET", "/v1/plans/nightl")).body.error.code, "PLAN_UNKNOWN");
    for (const [method, path] of [
      ["DELETE", ""],
      ["PUT", ""],
      ["POST", "/run"],
      ["POST", "/suspend"],
      ["POST", "/resume"],
    ] as const) {
      const body = method === "PUT" ? nightly : undefined;
      const { error } = (await api.send(method, `/v1/plans/nightly${path}`, body)).body;
      assert.deepEqual([error.code, error.message], ["PLAN_UNKNOWN", "The plan “nightly” was deleted."]);
    }
  });

  test("of the plans of one name the living one is meant; several deleted ones are told apart by their ids", async () => {
    const api = await createTestApi();
    const { body: first } = await createNightlyPlan(api);
    await api.send("DELETE", "/v1/plans/nightly");
    const { body: second } = await api.send<PlanAnswer>("POST", "/v1/plans", nightly);
    assert.equal((await api.send<PlanAnswer>("GET", "/v1/plans/nightly")).body.id, second.id);
    await api.send("DELETE", "/v1/plans/nightly");
    const { status, body } = await api.send("GET", "/v1/plans/nightly");
    assert.deepEqual([status, body.error.code], [422, "PLAN_AMBIGUOUS"]);
    for (const { id } of [first, second]) {
      assert.match(
        body.error.hint ?? "",
        new RegExp(`${id} \\(deleted \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC\\)`),
      );
    }
  });

  test("definitions that can't be are refused with a code and a hint, and change nothing", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    await api.send("POST", "/v1/plans", { ...nightly, name: "other" });
    await api.send("POST", "/v1/sites", { id: "far", multiCluster: "elsewhere" });
    const [before, schedules] = [await api.dump(), JSON.stringify([...api.schedules])];
    const target = (site: string) => [{ site, retention: { keepLast: 1 }, switches: { "vds-0": "ovs" } }];
    const both = [
      [404, "SITE_UNKNOWN", { targets: target("nowhere") }],
      [422, "SITE_IN_OTHER_MULTI_CLUSTER", { targets: target("far") }],
      [422, "PLAN_TARGET_IS_SOURCE", { targets: target("a") }],
      [422, "OBJECT_UNKNOWN", { objects: [{ kind: "lun", name: "nope" }] }],
      [422, "OBJECT_KIND_UNSUPPORTED", { objects: [{ kind: "nfs-file", name: "/exports/e1/db" }] }],
      [422, "PLAN_EMPTY", { objects: [] }],
      [422, "SWITCH_UNMAPPED", { targets: [{ site: "b", retention: { keepLast: 1 } }] }],
      [422, "SCHEDULE_IMPOSSIBLE", { schedule: { cycle: "hourly", timeZone: "Nowhere" } }],
      [400, "BAD_REQUEST", { name: "../x" }],
      [400, "BAD_REQUEST", { unheardOf: true }],
      [400, "BAD_REQUEST", { targets: [{ site: "b", retention: { keepLast: 0 } }] }],
    ] as const;
    const onCreate = [
      [409, "PLAN_NAME_TAKEN", {}],
      [400, "BAD_REQUEST", { targets: [] }],
    ] as const;
    const onUpdate = [
      [409, "PLAN_NAME_TAKEN", { name: "other" }],
      [422, "PLAN_KIND_FIXED", { targets: [], retention: { keepLast: 1 } }],
      [422, "PLAN_SOURCE_FIXED", { source: "b", targets: target("a") }],
    ] as const;
    const cases = [
      ...[...both, ...onCreate].map((one) => ["POST", "/v1/plans", { ...nightly, name: "nightly" }, ...one] as const),
      ...[...both, ...onUpdate].map((one) => ["PUT", "/v1/plans/nightly", nightly, ...one] as const),
    ];
    for (const [method, path, definition, status, code, changes] of cases) {
      const answer = await api.send(method, path, { ...definition, ...changes });
      assert.deepEqual([answer.status, answer.body.error.code], [status, code], `${method} ${JSON.stringify(changes)}`);
      assert.ok(answer.body.error.hint, code);
    }
    assert.equal(await api.dump(), before);
    assert.equal(JSON.stringify([...api.schedules]), schedules);
    assert.deepEqual(
      [siteA, siteB].flatMap((site) => api.deps.tasks.takeAll(site)),
      [],
    );
  });

  test("everything about a plan that there is not is PLAN_UNKNOWN", async () => {
    const { send } = await createTestApi();
    const missing = ["nothing", "plan_00000000000000000000000009"];
    const routes = [
      ["GET", ""],
      ["PUT", ""],
      ["DELETE", ""],
      ["POST", "/suspend"],
      ["POST", "/resume"],
      ["POST", "/run"],
      ["GET", "/objects"],
      ["GET", "/schedule"],
      ["GET", "/retention"],
      ["GET", "/runs"],
      ["GET", "/groups"],
    ] as const;
    for (const [method, path] of routes) {
      for (const ref of missing) {
        const { status, body } = await send(method, `/v1/plans/${ref}${path}`, method === "PUT" ? nightly : undefined);
        assert.deepEqual([status, body.error.code], [404, "PLAN_UNKNOWN"], `${method} ${path}`);
      }
    }
  });
});

describe("schedules", () => {
  test("a plan's next slots, and those of a schedule that no plan has", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const { body } = await api.send("GET", "/v1/plans/nightly/schedule?count=2");
    const slots = ["2026-03-01T01:00:00.000Z", "2026-03-02T01:00:00.000Z"];
    assert.deepEqual(body, {
      schedule: { cycle: "daily", every: 1, at: "01:00", timeZone: "UTC", startsOn: "2026-01-01" },
      slots,
    });
    const wanted = { schedule: { cycle: "daily", at: "01:00" }, count: 2 };
    assert.deepEqual((await api.send("POST", "/v1/schedules/preview", wanted)).body, body);
  });

  test("no more slots than asked for, ten by default, and a hundred at most", async () => {
    const api = await createTestApi();
    const schedule = { cycle: "hourly" };
    const { body } = await api.send<{ slots: string[] }>("POST", "/v1/schedules/preview", { schedule });
    assert.equal(body.slots.length, 10);
    for (const count of [0, 101, 1.5]) {
      assert.equal((await api.send("POST", "/v1/schedules/preview", { schedule, count })).status, 400);
    }
  });

  test("a schedule that never has a slot is refused", async () => {
    const { send } = await createTestApi();
    const schedule = { cycle: "monthly", every: 12, day: 31, startsOn: "2026-02-01" };
    const { status, body } = await send("POST", "/v1/schedules/preview", { schedule });
    assert.deepEqual([status, body.error.code], [422, "SCHEDULE_IMPOSSIBLE"]);
  });
});

describe("retention", () => {
  const putGroups = async (api: TestApi, plan: Plan, siteId: SiteId, role: "source" | "mirror", count: number) => {
    assert.ok(plan.schedule);
    const slots = previewRuns(plan.schedule, instantSchema.parse("2026-02-01T00:00:00.000Z"), count);
    await api.deps.store.putAll(
      slots.map((slot, index) => {
        const runId = runIdOf(plan.id, slot);
        const id = groupIdOf(runId);
        const facts = { planId: plan.id, runId, siteId, role, sequence: index + 1, takenAt: slot, publishedAt: slot };
        const body = groupSchema.parse({ id, ...facts, objectCount: 2, sizeBytes: 1, state: "published", holds: [] });
        return { key: groupKey(id, siteId), body };
      }),
    );
  };
  /** As if the plan had run so many times. */
  const ran = (api: TestApi, plan: Plan, sequence: number) =>
    api.deps.store.commit([{ type: "put", key: planKey(plan.id), body: { ...plan, sequence }, expect: "any" }]);
  const verdicts = async (api: TestApi, query = "") =>
    (await api.send<RetentionAnswer>("GET", `/v1/plans/nightly/retention${query}`)).body.sites.map(
      ({ site, groups }) => [site, ...groups.map(({ group, verdict, rule }) => [group.sequence, verdict, rule])],
    );

  test("says of each site which groups go, by which rule, and what another number would do", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    await ran(api, plan, 4);
    await putGroups(api, plan, siteA, "source", 2);
    await putGroups(api, plan, siteB, "mirror", 4);
    const before = await api.dump();
    assert.deepEqual(await verdicts(api), [
      ["a", [2, "keep", "base"], [1, "delete", "excess"]],
      ["b", [4, "keep", "newest"], [3, "keep", "last"], [2, "keep", "base"], [1, "delete", "excess"]],
    ]);
    assert.deepEqual((await verdicts(api, "?keepLast=3"))[1]?.slice(1), [
      [4, "keep", "newest"],
      [3, "keep", "last"],
      [2, "keep", "last"],
      [1, "delete", "excess"],
    ]);
    const { body } = await api.send<RetentionAnswer>("GET", "/v1/plans/nightly/retention");
    assert.ok(body.sites[1]?.groups.every(({ explanation }) => explanation.length > 10));
    assert.equal(await api.dump(), before, "a preview deletes nothing");
  });

  test("that is lowered says how many restore points the next run deletes, and one that is not says nothing", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    await putGroups(api, plan, siteB, "mirror", 6);
    await ran(api, plan, 6);
    const warnings = async (keepLast: number) => {
      const targets = [{ ...nightly.targets[0], retention: { keepLast } }];
      const { status, body } = await api.send<PlanAnswer>("PUT", "/v1/plans/nightly", { ...nightly, targets });
      assert.equal(status, 200);
      return body.warnings?.map(({ code, message }) => `${code}: ${message}`) ?? [];
    };
    assert.deepEqual(await warnings(8), []);
    assert.deepEqual(await warnings(7), [], "the next run's own is the seventh");
    assert.match(
      (await warnings(3)).join(),
      /^RETENTION_LOWERED: The next run deletes 4 restore points of site b, .*7\. .* preview/,
    );
    assert.deepEqual(await warnings(3), []);
    assert.deepEqual(await warnings(5), []);
    assert.match((await warnings(4)).join(), /deletes 3 restore points/);
  });

  test("keeps the newest copy of what is gone, and names it, until it is taken out of the plan", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    await ran(api, plan, 4);
    await putGroups(api, plan, siteB, "mirror", 4);
    const since = api.deps.clock.now();
    const gone = (id: string, named: boolean, lastSequence: number): GoneRecord => ({
      ...{ kind: "vm", id: `vm-${id}`, name: id, named, since, lastSequence },
    });
    const records = [gone("web", true, 1), gone("app", false, 2)];
    await api.deps.store.putAll(records.map((body) => ({ key: goneKey(plan.id, body.kind, body.id), body })));
    const atB = async () => (await verdicts(api, "?keepLast=1"))[1]?.slice(1).map((one) => one[2]);
    assert.deepEqual(await atB(), ["newest", "excess", "gone", "gone"]);
    const { body } = await api.send<RetentionAnswer>("GET", "/v1/plans/nightly/retention?keepLast=1");
    const [, , two, one] = body.sites[1]?.groups ?? [];
    assert.match(two?.explanation ?? "", /vm “app” \(until 2026-03-31 00:30:00 UTC\)/);
    assert.match(one?.explanation ?? "", /vm “web” \(while the plan names it\)/);
    api.pass(30 * 24 * 3600);
    assert.deepEqual(await atB(), ["newest", "excess", "excess", "gone"]);
    await api.send("PUT", "/v1/plans/nightly", { ...nightly, objects: [{ kind: "lun", name: "db" }] });
    assert.deepEqual(await atB(), ["newest", "excess", "excess", "excess"]);
  });

  test("a number that no retention may have is refused", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    for (const keepLast of ["0", "-1", "x", "1001", ""]) {
      assert.equal((await api.send("GET", `/v1/plans/nightly/retention?keepLast=${keepLast}`)).status, 400, keepLast);
    }
  });
});
