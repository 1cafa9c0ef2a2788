import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorBody, FacilitiesAnswer, GatewayAnswer, ObjectsAnswer } from "../../core/api/answers.ts";
import type { AuditEntry } from "../../core/api/audit.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Site } from "../../core/api/site.ts";
import { taskSchema } from "../../core/api/task.ts";
import type { Page } from "../documents/page.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { toldBy } from "../inventory/testing.ts";
import {
  createNightlyPlan,
  createTestApi,
  facilitiesOfA,
  objectNamed,
  reportAlive,
  siteA,
  siteB,
  type TestApi,
  vmNamed,
} from "./testing.ts";

describe("sites", () => {
  test("a site is created with its queue, listed by name and looked at", async () => {
    const { send, deps } = await createTestApi();
    const created = await send<Site>("POST", "/v1/sites", { id: "b", multiCluster: "main" });
    assert.deepEqual(created, {
      status: 201,
      body: { id: "b", multiCluster: "main", createdAt: "2026-03-01T00:30:00.000Z" },
    });
    await send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    assert.deepEqual(deps.tasks.sites(), ["b", "a"]);
    const { body } = await send<Page<Site>>("GET", "/v1/sites");
    assert.deepEqual(
      body.items.map(({ id }) => id),
      ["a", "b"],
    );
    assert.deepEqual((await send("GET", "/v1/sites/b")).body, created.body);
  });

  test("lists are cut into pages", async () => {
    const { send } = await createTestApi();
    for (const id of ["a", "b", "c"]) await send("POST", "/v1/sites", { id, multiCluster: "main" });
    const first = (await send<Page<Site>>("GET", "/v1/sites?limit=2")).body;
    const second = (await send<Page<Site>>("GET", `/v1/sites?limit=2&cursor=${first.cursor}`)).body;
    const ids = [first, second].map(({ items }) => items.map(({ id }) => id));
    assert.deepEqual(ids, [["a", "b"], ["c"]]);
    assert.equal(second.cursor, undefined);
    for (const query of ["limit=0", "limit=101", "limit=x", "limit=1.5", "limit=", "cursor=", "cursor=bogus"]) {
      const { status, body } = await send("GET", `/v1/sites?${query}`);
      assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"], query);
    }
  });

  test("bad names and names that are taken are refused and change nothing", async () => {
    const { send, dump, deps } = await createTestApi();
    await send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const before = await dump();
    for (const [status, code, json] of [
      [409, "SITE_EXISTS", { id: "a", multiCluster: "other" }],
      [400, "BAD_REQUEST", { id: "A", multiCluster: "main" }],
      [400, "BAD_REQUEST", { id: "a/b", multiCluster: "main" }],
      [400, "BAD_REQUEST", { id: "b" }],
    ] as const) {
      const { body, ...answer } = await send("POST", "/v1/sites", json);
      assert.deepEqual([answer.status, body.error.code], [status, code]);
      assert.ok(body.error.hint);
    }
    assert.equal(await dump(), before);
    assert.deepEqual(deps.tasks.sites(), ["a"]);
  });

  test("everything about a site that there is not is SITE_UNKNOWN", async () => {
    const { send, deps } = await createTestApi();
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/gateways"],
      ["GET", "/objects"],
      ["POST", "/inventory"],
    ] as const) {
      const { status, body } = await send(method, `/v1/sites/nowhere${path}`);
      assert.deepEqual([status, body.error.code], [404, "SITE_UNKNOWN"]);
    }
    assert.deepEqual(deps.tasks.sites(), []);
  });
});

describe("what a site has besides objects", () => {
  const ovs: Facilities = { kinds: ["lun", "vm"], pools: [{ name: "fast" }], switches: [{ name: "ovs", vlans: [] }] };
  const twoSites = async () => {
    const api = await createTestApi();
    for (const id of ["a", "b"]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
    await api.send("POST", "/v1/sites", { id: "far", multiCluster: "other" });
    return api;
  };
  const tell = async (api: TestApi, siteId: SiteId, facilities: Facilities, at = 1) => {
    for (const part of toldBy({ siteId, at, size: 1, objects: [objectNamed("x"), objectNamed("y")] })) {
      await putInventoryPart(api.deps, part.part === 0 ? { ...part, facilities } : part);
    }
  };
  const put = (api: TestApi, path: string, switches: object) =>
    api.send<Site & ErrorBody>("PUT", `/v1/sites/${path}`, { switches });

  test("is what its gateways told last, and nothing before that", async () => {
    const api = await twoSites();
    const get = async () => (await api.send<FacilitiesAnswer>("GET", "/v1/sites/a/facilities")).body;
    assert.deepEqual(await get(), { siteId: "a", switchMaps: {} });
    await tell(api, siteA, facilitiesOfA);
    const observedAt = "1970-01-01T00:00:00.001Z";
    assert.deepEqual(await get(), { siteId: "a", observedAt, facilities: facilitiesOfA, switchMaps: {} });
    await tell(api, siteA, ovs, 2);
    await tell(api, siteA, facilitiesOfA, 1);
    assert.deepEqual((await get()).facilities, ovs, "what an older look saw changes nothing");
    for (const part of toldBy({ siteId: siteA, at: 3 })) await putInventoryPart(api.deps, part);
    assert.deepEqual((await get()).facilities, ovs, "a gateway of before does not tell, and takes nothing away");
  });

  test("are mappings of its switches, by target, each set as a whole and written down", async () => {
    const api = await twoSites();
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const maps = { b: { prod: "dr", test: "dr" }, c: { prod: "ovs" } };
    for (const target of ["b", "c"] as const)
      assert.equal((await put(api, `a/switch-maps/${target}`, maps[target])).status, 200);
    const site = async () => (await api.send<Site>("GET", "/v1/sites/a")).body;
    assert.deepEqual((await site()).switchMaps, maps);
    await api.send("PUT", "/v1/sites/a/limits", { limits: [{ target: "b", bytesPerSecond: 1e6 }] });
    const { status, body } = await put(api, "a/switch-maps/b", { prod: "dr2" });
    assert.deepEqual([status, body.switchMaps, body.limits?.length], [200, { ...maps, b: { prod: "dr2" } }, 1]);
    api.pass(1);
    await put(api, "a/switch-maps/b", {});
    assert.deepEqual((await site()).switchMaps, { c: maps.c });
    const { body: audit } = await api.send<Page<AuditEntry>>("GET", "/v1/audit?limit=1");
    assert.deepEqual([audit.items[0]?.path, audit.items[0]?.request], ["/v1/sites/a/switch-maps/b", { switches: {} }]);
  });

  test("are no mappings to a site that nothing is sent to, or between switches that there are not", async () => {
    const api = await twoSites();
    await put(api, "a/switch-maps/b", { gone: "gone" });
    await tell(api, siteA, facilitiesOfA);
    await tell(api, siteB, ovs);
    const before = await api.dump();
    for (const [status, code, path, switches] of [
      [404, "SITE_UNKNOWN", "nowhere/switch-maps/b", {}],
      [404, "SITE_UNKNOWN", "a/switch-maps/nowhere", {}],
      [400, "BAD_REQUEST", "a/switch-maps/a", {}],
      [422, "SITE_IN_OTHER_MULTI_CLUSTER", "a/switch-maps/far", {}],
      [422, "SWITCH_UNKNOWN", "a/switch-maps/b", { "vds-1": "ovs" }],
      [422, "SWITCH_UNKNOWN", "a/switch-maps/b", { "vds-0": "vds-0" }],
      [400, "BAD_REQUEST", "a/switch-maps/b", { "vds-0": "" }],
    ] as const) {
      const answer = await put(api, path, switches);
      assert.deepEqual([answer.status, answer.body.error.code], [status, code], path);
      assert.ok(answer.body.error.hint);
    }
    assert.equal(await api.dump(), before);
    // What was mapped before is not in the way.
    assert.equal((await put(api, "a/switch-maps/b", { gone: "gone", "vds-0": "ovs" })).status, 200);
  });

  test("are not so many mappings that the site would not be one document", async () => {
    const api = await twoSites();
    await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
    const many = Object.fromEntries(
      Array.from({ length: 120 }, (_, n) => [`${n}`.padEnd(255, "数"), "网".repeat(255)]),
    );
    assert.equal((await put(api, "a/switch-maps/b", many)).status, 200);
    const { status, body } = await put(api, "a/switch-maps/c", many);
    assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"]);
  });
});

describe("gateways", () => {
  test("a gateway is alive until it was not heard of for two minutes", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    await reportAlive(api, "a");
    const alive = async () => (await api.send<Page<GatewayAnswer>>("GET", "/v1/sites/a/gateways")).body.items[0]?.alive;
    api.pass(119.999);
    assert.equal(await alive(), true);
    api.pass(0.001);
    assert.equal(await alive(), false);
  });
});

describe("objects", () => {
  test("a site's objects come with the instant at which they were seen", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const { status, body } = await api.send<ObjectsAnswer>("GET", "/v1/sites/a/objects");
    assert.equal(status, 200);
    assert.equal(body.observedAt, "2026-03-01T00:30:00.000Z");
    assert.deepEqual(
      body.items.map(({ name }) => name),
      ["db", "web"],
    );
  });

  test("a site's objects come in pages, or by an id, or by a name however it is composed", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const twin = objectNamed("4", { name: "bu\u0308ro" });
    const mirror = objectNamed("5", { name: "büro", kind: "volume", lun: undefined });
    const unusable = { kind: "tape", id: "lun-6", name: "büro", unusable: "for this test" };
    const objects = [...["1", "2", "3"].map((name) => objectNamed(name)), twin, mirror, unusable];
    for (const part of toldBy({ siteId: siteA, at: 1, objects })) await putInventoryPart(api.deps, part);
    const get = async (query: string) =>
      (await api.send<ObjectsAnswer>("GET", `/v1/sites/a/objects?${query}`)).body as ObjectsAnswer;
    const seen: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page: ObjectsAnswer = await get(`limit=4${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ id }) => id));
      assert.ok(page.items.length <= 4);
      cursor = page.cursor;
    }
    assert.deepEqual(seen, ["lun-1", "lun-2", "lun-3", "lun-4", "lun-5", "lun-6"]);
    const ids = async (query: string) => (await get(query)).items.map(({ id }) => id);
    assert.deepEqual(await ids("id=lun-2"), ["lun-2"]);
    assert.deepEqual(await ids("id=lun"), []);
    assert.deepEqual(await ids("name=b%C3%BCro"), ["lun-4", "lun-5", "lun-6"]);
    assert.deepEqual(await ids("name=b%C3%BCro&kind=volume"), ["lun-5"]);
    assert.deepEqual(await ids("name=b&id=lun-4"), []);
    assert.equal((await api.send("GET", "/v1/sites/a/objects?name=x&cursor=b0")).status, 400);
  });

  test("a site's objects say why they can't be protected, also where the storage can't do their kind", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const diskless = { ...vmNamed("2"), volumes: [] };
    const parts = toldBy({ siteId: siteA, at: 1, objects: [objectNamed("1"), diskless, vmNamed("3")] });
    for (const part of parts) {
      await putInventoryPart(api.deps, { ...part, facilities: { ...facilitiesOfA, kinds: ["vm"] } });
    }
    const { items } = (await api.send<ObjectsAnswer>("GET", "/v1/sites/a/objects")).body;
    assert.deepEqual(
      items.map((object) => [object.name, "unusable" in object ? object.unusable : undefined]),
      [
        ["1", "the storage of its site can't protect objects of the kind lun"],
        ["2", "it has no disk that can be protected"],
        ["3", undefined],
      ],
    );
  });

  test("a page of a kind has as many as a page of all, while others are passed over", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const objects = Array.from({ length: 30 }, (_, index) => objectNamed(`${index}`));
    for (const part of toldBy({ siteId: siteA, at: 1, objects: [...objects, vmNamed("1"), vmNamed("2")] })) {
      await putInventoryPart(api.deps, part);
    }
    const { items, cursor } = (await api.send<ObjectsAnswer>("GET", "/v1/sites/a/objects?kind=vm&limit=10")).body;
    assert.deepEqual([items.map(({ id }) => id), cursor], [["vm-1", "vm-2"], undefined]);
  });

  test("before a gateway has looked, nothing is said rather than “no objects”", async () => {
    const { send } = await createTestApi();
    await send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const { status, body } = await send("GET", "/v1/sites/a/objects");
    assert.deepEqual([status, body.error.code], [404, "NOT_FOUND"]);
  });

  test("a fresh inventory is asked for with a task on the site's queue", async () => {
    const { send, deps } = await createTestApi();
    await send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const { status, body } = await send<{ taskId: string }>("POST", "/v1/sites/a/inventory");
    assert.equal(status, 202);
    const [sent] = deps.tasks.takeAll(siteA);
    assert.deepEqual([taskSchema.parse(sent?.task).kind, sent?.task.id], ["inventory", body.taskId]);
  });
});
