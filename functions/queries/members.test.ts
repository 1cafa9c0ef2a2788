import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PlanAnswer, PlanMember, PlanMembersAnswer } from "../../core/api/answers.ts";
import type { JudgedObject } from "../../core/api/judged-object.ts";
import type { GoneRecord } from "../../core/retention/gone.ts";
import { createTestApi, facilitiesOfA, objectNamed, siteA, type TestApi, vmNamed } from "../api/testing.ts";
import { goneKey } from "../documents/records.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { toldBy } from "../inventory/testing.ts";

const retention = { keepLast: 1 };

/** What a gateway of site a sees, now. */
const tell = async (api: TestApi, objects: readonly JudgedObject[], facilities = facilitiesOfA) => {
  const [first, ...others] = toldBy({ siteId: siteA, at: Date.parse(api.deps.clock.now()), objects });
  assert.ok(first);
  for (const part of [{ ...first, facilities }, ...others]) await putInventoryPart(api.deps, part);
};

/** Site a, and a snapshot plan of it. */
const planOf = async (objects: readonly JudgedObject[], entries: readonly object[]) => {
  const api = await createTestApi();
  await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
  await tell(api, objects);
  const definition = { name: "all", source: "a", retention, objects: entries };
  const { status, body: plan } = await api.send<PlanAnswer>("POST", "/v1/plans", definition);
  assert.equal(status, 201, JSON.stringify(plan));
  return { api, plan, definition };
};

const pageOf = async (api: TestApi, query = "limit=100") =>
  (await api.send<PlanMembersAnswer>("GET", `/v1/plans/all/objects?${query}`)).body;

/** All of them, by pages of a size that is not theirs. */
const all = async (api: TestApi): Promise<readonly PlanMember[]> => {
  const members: PlanMember[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const page: PlanMembersAnswer = await pageOf(api, `limit=3${cursor && `&cursor=${cursor}`}`);
    assert.ok(page.items.length <= 3);
    members.push(...page.items);
    cursor = page.cursor;
  }
  return members;
};

const putGone = (api: TestApi, plan: PlanAnswer, record: Pick<GoneRecord, "kind" | "id" | "name" | "named">) => {
  const body: GoneRecord = { ...record, since: api.deps.clock.now(), lastSequence: 1 };
  return api.deps.store.putAll([{ key: goneKey(plan.id, record.kind, record.id), body }]);
};

const day = 24 * 3600;
const cdRom = { what: "CD-ROM tools.iso", reason: "it is no data of the VM's" };

describe("a plan's members", () => {
  test("are the objects that it names, in its order, and those that its rules fit, each once and with why", async () => {
    const vms = ["web-1", "web-2", "web-3", "app"].map((name) => vmNamed(name, { leftOut: [cdRom] }));
    const mirror = vmNamed("web-4", { origin: { planId: "plan_x", siteId: "z", role: "mirror" } });
    const { api } = await planOf(
      [objectNamed("db"), ...vms, mirror],
      [
        { kind: "vm", match: "web-?" },
        { kind: "vm", name: "web-2" },
        { kind: "lun", name: "db" },
        { kind: "vm", match: "*" },
      ],
    );
    const members = await all(api);
    assert.deepEqual(
      members.map(({ name, because }) => [name, because]),
      [
        ["web-2", "it is named"],
        ["db", "it is named"],
        ["app", "vm *"],
        ["web-1", "vm web-?"],
        ["web-3", "vm web-?"],
      ],
    );
    assert.deepEqual(members[0]?.leftOut, [cdRom]);
    assert.equal((await pageOf(api)).observedAt, api.deps.clock.now());
  });

  test("are told with what they are called now, and with why they can't be used", async () => {
    const { api } = await planOf(
      [objectNamed("db"), vmNamed("web")],
      [
        { kind: "lun", name: "db" },
        { kind: "vm", match: "*" },
      ],
    );
    api.pass(60);
    const unusable = { kind: "vm", id: "vm-x", name: "x", unusable: "it has no disk that can be protected" };
    await tell(api, [objectNamed("db", { name: "db2" }), vmNamed("web"), unusable], {
      ...facilitiesOfA,
      kinds: ["vm"],
    });
    assert.deepEqual(
      (await all(api)).map(({ name, unusable: why }) => [name, why]),
      [
        ["db2", "the storage of its site can't protect objects of the kind lun"],
        ["web", undefined],
        ["x", "it has no disk that can be protected"],
      ],
    );
  });

  test("that are gone are told with since when: what is named for ever, what came by a rule for 30 days", async () => {
    const { api, plan } = await planOf(
      [objectNamed("db"), vmNamed("web"), vmNamed("app")],
      [
        { kind: "lun", name: "db" },
        { kind: "vm", match: "*" },
      ],
    );
    api.pass(60);
    await tell(api, [vmNamed("app")]);
    const [db] = await all(api);
    assert.match(db?.unusable ?? "", /did not have it when it was looked at \(2026-03-01 00:31:\d\d UTC\)/);
    await putGone(api, plan, { kind: "lun", id: "lun-db", name: "db", named: true });
    await putGone(api, plan, { kind: "vm", id: "vm-web", name: "web", named: false });
    const since = api.deps.clock.now();
    const told = async () => (await all(api)).map(({ name, goneSince, keptUntil }) => [name, goneSince, keptUntil]);
    const [named, present] = [
      ["db", since, undefined],
      ["app", undefined, undefined],
    ];
    assert.deepEqual(await told(), [named, present, ["web", since, "2026-03-31T00:31:00.000Z"]]);
    api.pass(30 * day);
    assert.deepEqual(await told(), [named, present]);
  });

  test("that are gone are told with another object of their name, unless the plan takes that one", async () => {
    const named = { kind: "lun", name: "db" };
    const anew = objectNamed("db", { id: "lun-anew" });
    const mirror = objectNamed("db", { id: "lun-m", origin: { planId: "plan_x", siteId: "z", role: "mirror" } });
    for (const [there, more, namesake] of [
      [[anew, mirror], [], "lun-anew"],
      [[mirror], [], undefined],
      [[vmNamed("db")], [], undefined],
      [[anew], [{ kind: "lun", match: "d*" }], undefined],
    ] as const) {
      const { api } = await planOf([objectNamed("db")], [named, ...more]);
      api.pass(60);
      await tell(api, there);
      assert.equal((await all(api))[0]?.namesake, namesake);
    }
  });

  test("tell of mirrors that a rule would fit, and of switches that nothing takes the place of at a target", async () => {
    const origin = { planId: "plan_x", siteId: "z", role: "mirror" };
    const mirrors = ["web-1", "web-2"].map((name) => vmNamed(name, { origin }));
    const { api } = await planOf([objectNamed("db"), ...mirrors], [{ kind: "vm", match: "web-*" }]);
    assert.deepEqual((await pageOf(api)).mirrors, [{ because: "vm web-*", count: 2 }]);
    await api.send("POST", "/v1/sites", { id: "b", multiCluster: "main" });
    const targets = [{ site: "b", retention, switches: { "vds-0": "ovs" } }];
    const plan = { name: "to-b", source: "a", targets, objects: [{ kind: "vm", match: "app*" }] };
    assert.equal((await api.send("POST", "/v1/plans", plan)).status, 201);
    api.pass(60);
    await tell(api, [vmNamed("app-1"), vmNamed("app-2", { virtualSwitch: "vds-9" })]);
    const { body } = await api.send<PlanMembersAnswer>("GET", "/v1/plans/to-b/objects");
    assert.deepEqual(
      body.items.map(({ name, unmapped }) => [name, unmapped]),
      [
        ["app-1", undefined],
        ["app-2", [{ virtualSwitch: "vds-9", targets: ["b"] }]],
      ],
    );
  });

  test("that are back are not told as gone, before a run has seen them", async () => {
    const { api, plan } = await planOf([vmNamed("web")], [{ kind: "vm", match: "*" }]);
    await putGone(api, plan, { kind: "vm", id: "vm-web", name: "web", named: false });
    assert.deepEqual(
      (await all(api)).map(({ name, goneSince }) => [name, goneSince]),
      [["web", undefined]],
    );
  });

  test("are found among thousands of other objects, however few they are", async () => {
    const others = Array.from({ length: 1100 }, (_, index) => objectNamed(`${index}`));
    const { api } = await planOf([...others, vmNamed("web")], [{ kind: "vm", match: "*" }]);
    assert.deepEqual(
      (await all(api)).map(({ name }) => name),
      ["web"],
    );
  });

  test("are not known while no gateway has told what the source has", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    await api.send("POST", "/v1/plans", { name: "all", source: "a", retention, objects: [{ kind: "vm", match: "*" }] });
    assert.deepEqual(await pageOf(api), { items: [] });
  });

  test("come in pages that go on where they ended, and by no other list's cursor", async () => {
    const { api } = await planOf([vmNamed("web")], [{ kind: "vm", match: "*" }]);
    for (const cursor of ["bogus", "b0", "MyM"]) {
      assert.equal((await api.send("GET", `/v1/plans/all/objects?cursor=${cursor}`)).status, 400, cursor);
    }
  });
});

describe("a plan that is changed", () => {
  test("lets go of what it named and names no more, and of nothing else that is gone", async () => {
    const { api, plan, definition } = await planOf(
      [objectNamed("db"), objectNamed("app")],
      [
        { kind: "lun", name: "db" },
        { kind: "lun", name: "app" },
      ],
    );
    for (const name of ["db", "app"]) await putGone(api, plan, { kind: "lun", id: `lun-${name}`, name, named: true });
    await putGone(api, plan, { kind: "vm", id: "vm-web", name: "web", named: false });
    api.pass(60);
    await tell(api, []);
    const fewer = { ...definition, objects: [{ kind: "lun", name: "app" }] };
    assert.equal((await api.send("PUT", "/v1/plans/all", fewer)).status, 200);
    const left = async (kind: string, id: string) =>
      (await api.deps.store.get(goneKey(plan.id, kind, id))) !== undefined;
    assert.deepEqual(
      [await left("lun", "lun-db"), await left("lun", "lun-app"), await left("vm", "vm-web")],
      [false, true, true],
    );
  });
});
