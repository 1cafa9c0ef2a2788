import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GroupAnswer } from "../../core/api/answers.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { reportSchema } from "../../core/api/report.ts";
import type { Run } from "../../core/api/run.ts";
import type { RebuildTask } from "../../core/api/task.ts";
import {
  createNightlyPlan,
  createTestApi,
  facilitiesOfA,
  objectNamed,
  siteA,
  siteB,
  type TestApi,
  vmNamed,
} from "../api/testing.ts";
import { takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { handleReport } from "../report.ts";

const facilities: Facilities = {
  kinds: ["lun", "volume", "vm"],
  pools: [{ name: "default" }, { name: "fast", capacityBytes: 3 * 1024 ** 3, usedBytes: 0 }],
  switches: ["ovs", "lab"].map((name) => ({ name, vlans: [] })),
};

/** What site b says that it has. */
const tell = (api: TestApi, objects: readonly ObjectConfig[], more: object = { facilities }) =>
  handleReport(
    api.deps,
    reportSchema.parse({
      ...{ kind: "inventory", siteId: siteB, gatewayId: gatewayIdSchema.parse("gw-1"), part: 0, parts: 1, objects },
      ...{ generation: Date.parse(api.deps.clock.now()), observedAt: api.deps.clock.now(), damage: [], ...more },
    }),
  );

/** Site b has a restore point of the LUN `db` and the VM `web`, and site a its group. */
const world = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, [siteA, siteB]);
  await tell(api, []);
  const { body } = await api.send<Page<GroupAnswer>>("GET", "/v1/plans/nightly/groups?site=b");
  const groupId = body.items[0]?.id ?? assert.fail("site b has no group");
  const ask = <T>(wishes: object, siteId = "b") =>
    api.send<T>("POST", "/v1/restores", { type: "rebuild", groupId, siteId, ...wishes });
  const tasksOf = async (wishes: object, site = siteB): Promise<readonly (RebuildTask & { format?: number })[]> => {
    const { status, body: run } = await ask<Run>(wishes, site);
    assert.equal(status, 201, JSON.stringify(run));
    return takeTasks(api, site).map((task) => (task.kind === "rebuild" ? task : assert.fail(task.kind)));
  };
  const refuses = async (code: string, about: RegExp, wishes: object, siteId?: string) => {
    const before = await api.dump();
    const { status, body: refusal } = await ask<{ error: { code: string; message: string; hint?: string } }>(
      wishes,
      siteId,
    );
    assert.deepEqual([status >= 400, refusal.error?.code], [true, code], JSON.stringify(refusal));
    assert.match(refusal.error.message, about);
    assert.ok(refusal.error.hint, code);
    assert.equal(await api.dump(), before);
    assert.deepEqual(takeTasks(api, siteB), []);
  };
  return { api, groupId, tasksOf, refuses };
};

describe("a rebuild", () => {
  test("of a group at the site that is protected is a task of that site", async () => {
    const { tasksOf } = await world();
    const tasks = await tasksOf({}, siteA);
    assert.deepEqual(
      tasks.map(({ siteId, object, name }) => [siteId, object.id, name]),
      [
        [siteA, "lun-db", "rebuilt-db"],
        [siteA, "vm-web", "rebuilt-web"],
      ],
    );
  });

  test("without wishes is a task that gateways of before do too, and with some it is not", async () => {
    const { tasksOf, api } = await world();
    const formats = async (wishes: object) => (await tasksOf(wishes)).map(({ format }) => format);
    assert.deepEqual(await formats({}), [undefined, undefined]);
    api.pass(1);
    const none = { keepMacs: false, powerOn: false, disconnectNics: false, namePrefix: "again-" };
    assert.deepEqual(await formats(none), [undefined, undefined]);
    api.pass(1);
    const some = { powerOn: true, namePrefix: "third-" };
    assert.deepEqual(await formats(some), [newestMessageFormat, newestMessageFormat]);
  });

  test("tells the site what is wished for", async () => {
    const { tasksOf } = await world();
    const wishes = { pool: "fast", switches: { "vds-0": "lab" }, keepMacs: true, powerOn: true };
    for (const task of await tasksOf(wishes)) assert.deepEqual(task.wishes, wishes);
  });

  test("gives names that are wished for, and the prefix to the rest", async () => {
    const { tasksOf, api } = await world();
    const namesOf = async (wishes: object) => {
      api.pass(1);
      return (await tasksOf(wishes)).map(({ index, object, name }) => [index, object.name, name]);
    };
    const web = { object: "vm-web", name: "shop" };
    assert.deepEqual(await namesOf({ renames: [web], namePrefix: "dr-" }), [
      [0, "db", "dr-db"],
      [1, "web", "shop"],
    ]);
    assert.deepEqual(await namesOf({ objects: ["web"], name: "market" }), [[0, "web", "market"]]);
    assert.deepEqual(await namesOf({ objects: ["web"], renames: [{ object: "web", name: "web" }] }), [
      [0, "web", "web"],
    ]);
  });

  test("is refused where names can't be given as they are wished for", async () => {
    const { refuses, api } = await world();
    api.pass(1);
    await tell(api, [vmNamed("shop"), objectNamed("shop-web-0", { kind: "volume", lun: undefined })]);
    const rename = (...renames: readonly (readonly [string, string])[]) => ({
      renames: renames.map(([object, name]) => ({ object, name })),
    });
    await refuses("OBJECT_NAME_TAKEN", /vm “shop” .*, volume “shop-web-0” /, rename(["web", "shop"]));
    await refuses("OBJECT_UNKNOWN", /no object “mail”/, rename(["mail", "post"]));
    await refuses("BAD_REQUEST", /“vm-web” gets two names/, rename(["web", "one"], ["vm-web", "two"]));
    await refuses("BAD_REQUEST", /“web” gets a name, and is not among/, { objects: ["db"], ...rename(["web", "one"]) });
    await refuses("BAD_REQUEST", /“one” is a name for one object, and 2 are rebuilt/, { name: "one" });
    await refuses("BAD_REQUEST", /“one” is a second name/, {
      objects: ["web"],
      name: "one",
      ...rename(["web", "two"]),
    });
    await refuses(
      "BAD_REQUEST",
      /can't be the name of a VM: it has the character U\+001B/,
      rename(["web", "\u001b[2J"]),
    );
    // The first disk of the VM has the LUN's name; each is right by itself.
    await refuses("OBJECT_NAME_TAKEN", /2 of what is rebuilt would be called “x-web-0”/, {
      ...rename(["db", "x-web-0"], ["web", "x"]),
    });
  });

  test("is refused where the site has not what is wished for", async () => {
    const { refuses, tasksOf, api } = await world();
    await refuses("POOL_UNKNOWN", /Site b has no storage pool “slow”/, { pool: "slow" });
    await refuses("SWITCH_UNKNOWN", /Site b has no virtual switch “wan”/, { switches: { "vds-0": "wan" } });
    await refuses("SWITCH_UNKNOWN", /was connected to the virtual switch “vds-9”/, { switches: { "vds-9": "lab" } });
    await refuses("SWITCH_UNKNOWN", /was connected to/, { objects: ["db"], switches: { "vds-0": "lab" } });
    await refuses("BAD_REQUEST", /or not at all/, { switches: { "vds-0": "lab" }, disconnectNics: true });
    const full = { ...facilities, pools: [{ name: "fast", capacityBytes: 1024 ** 3, usedBytes: 0 }] };
    api.pass(1);
    await tell(api, [], { facilities: full });
    await refuses("POOL_FULL", /What is rebuilt has 2 GiB, and the storage pool “fast” of site b lacks 1 GiB/, {
      pool: "fast",
    });
    assert.equal((await tasksOf({ pool: "fast", objects: ["db"] })).length, 1);
  });

  test("keeps no MAC address that a VM of the site has, unless its NIC is not connected", async () => {
    const { refuses, tasksOf, api } = await world();
    const tellOf = async (...objects: readonly ObjectConfig[]) => {
      api.pass(1);
      await tell(api, objects);
    };
    await tellOf(vmNamed("other", { origin: { planId: "plan_x", siteId: "a", role: "mirror" } }));
    assert.equal((await tasksOf({ keepMacs: true })).length, 2);
    await tellOf(vmNamed("other"));
    await refuses(
      "MAC_ADDRESS_TAKEN",
      /“rebuilt-web” can't keep the MAC address 52:54:00:00:00:01: the VM “other” \(vm-other\) of site b has it/,
      { keepMacs: true },
    );
    for (const wishes of [{ keepMacs: true, disconnectNics: true }, { keepMacs: true, objects: ["db"] }, {}]) {
      api.pass(1);
      assert.ok((await tasksOf(wishes)).length > 0);
    }
    // The switch that its mirror was connected to is not there any more, so neither is the NIC.
    api.pass(1);
    await tell(api, [vmNamed("other")], { facilities: { ...facilities, switches: [{ name: "lab", vlans: [] }] } });
    assert.equal((await tasksOf({ keepMacs: true })).length, 2);
    await refuses("MAC_ADDRESS_TAKEN", /“other”/, { keepMacs: true, switches: { "vds-0": "lab" } });
  });

  test("of a VM that is still there keeps none of its addresses", async () => {
    const { refuses } = await world();
    await refuses("MAC_ADDRESS_TAKEN", /the VM “web” \(vm-web\) of site a/, { keepMacs: true }, "a");
    assert.ok(facilitiesOfA.switches.some(({ name }) => name === "vds-0"));
  });
});
