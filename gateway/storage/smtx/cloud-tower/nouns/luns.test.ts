import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { VisibleError } from "../../../../../core/api/errors.ts";
import { type Script, scriptedTask, scriptedTower } from "../testing.ts";
import { findCluster } from "./clusters.ts";
import { createLuns, deleteLuns, ensureLun, findLuns, updateLun } from "./luns.ts";
import { listTargets } from "./targets.ts";

const lunOf = (id: string, more: object = {}) => ({
  ...{ id, local_id: `local-${id}`, name: `name of ${id}`, lun_id: 7, zbs_volume_id: `zbs-${id}` },
  ...{ assigned_size: 2 ** 30, unique_size: 5, allowed_initiators: "*/*", iscsi_target: { id: "t1", name: "pool" } },
  ...{ consistency_group: null, replica_num: 2, thin_provision: true, stripe_num: 4, stripe_size: 262_144 },
  ...{ labels: null, entityAsyncStatus: null, ...more },
});
const done: Script = { "get-tasks": () => [scriptedTask("task-1", "SUCCESSED")] };
const wanted = { targetId: "t1", name: "mine", sizeBytes: 2 ** 30, replicas: 2, lunId: 300 };

describe("LUNs by CloudTower", () => {
  test("are looked for before they are made, and read when they are", async (t) => {
    let isMade = false;
    const { tower, requests } = await scriptedTower(t, {
      ...done,
      "get-iscsi-luns": () => (isMade ? [lunOf("lun-1", { name: "mine", lun_id: 300 })] : []),
      "create-iscsi-lun": () => {
        isMade = true;
        return [{ task_id: "task-1", data: lunOf("lun-1", { local_id: "", zbs_volume_id: "" }) }];
      },
    });
    const { lunId, zbsVolumeId } = await ensureLun(tower, wanted);
    assert.deepEqual([lunId, zbsVolumeId], [300, "zbs-lun-1"]);
    assert.deepEqual(await ensureLun(tower, wanted), await ensureLun(tower, wanted));
    const made = requests.filter(({ operation }) => operation === "create-iscsi-lun").map(({ body }) => body);
    assert.deepEqual(made, [
      [
        {
          ...{ iscsi_target_id: "t1", name: "mine", replica_num: 2, thin_provision: true, lun_id: 300 },
          ...{ assigned_size: 2 ** 30, assigned_size_unit: "B" },
        },
      ],
    ]);
  });

  test("are made once when the answer to their making is lost", async (t) => {
    let isMade = false;
    const { tower, count } = await scriptedTower(t, {
      ...done,
      "get-iscsi-luns": () => (isMade ? [lunOf("lun-1")] : []),
      "create-iscsi-lun": () => {
        isMade = true;
        return "cut";
      },
    });
    assert.equal((await ensureLun(tower, wanted)).id, "lun-1");
    assert.equal(count("create-iscsi-lun"), 1);
  });

  test("that are gone are deleted", async (t) => {
    const { tower, requests } = await scriptedTower(t, { "delete-iscsi-lun": () => ({ status: 404, json: {} }) });
    await deleteLuns(tower, ["lun-1", "lun-2"], { withSnapshots: false });
    await deleteLuns(tower, [], { withSnapshots: false });
    const asked = requests.filter(({ operation }) => operation === "delete-iscsi-lun").map(({ body }) => body);
    assert.deepEqual(asked, [{ where: { id_in: ["lun-1", "lun-2"] }, data: { remove_snapshot: false } }]);
  });

  test("are never changed or deleted by a condition that says nothing, which would mean all", async (t) => {
    const { tower, requests } = await scriptedTower(t, {});
    const withSnapshots = true;
    for (const ids of [[""], ["lun-1", ""]]) {
      await assert.rejects(async () => deleteLuns(tower, ids, { withSnapshots }), /ids are needed/);
    }
    await assert.rejects(async () => updateLun(tower, "", { name: "x" }), /an id is needed/);
    assert.deepEqual(requests, []);
  });

  test("come in the order that they were asked for", async (t) => {
    const { tower } = await scriptedTower(t, {
      ...done,
      "create-iscsi-lun": () => ["b", "a"].map((id) => ({ task_id: "task-1", data: { id } })),
      "get-iscsi-luns": () => [lunOf("a"), lunOf("b")],
    });
    const made = await createLuns(tower, [wanted, wanted]);
    assert.deepEqual(
      made.map(({ id }) => id),
      ["b", "a"],
    );
  });

  test("are found by many ids, a hundred at a time, each once", async (t) => {
    const ids = Array.from({ length: 250 }, (_, index) => `lun-${index}`);
    const { tower, count } = await scriptedTower(t, {
      "get-iscsi-luns": ({ body }) => (body["where"] as { id_in: string[] }).id_in.map((id) => lunOf(id)),
    });
    assert.deepEqual([...(await findLuns(tower, [...ids, ...ids])).keys()], ids);
    assert.equal(count("get-iscsi-luns"), 3);
  });
});

const target = {
  ...{ id: "t1", local_id: "p1", name: "pool", iqn_name: "iqn.x:pool", description: "", iqn_whitelist: "*/*" },
  ...{ ip_whitelist: "*/*", chap_enabled: true, chap_name: "us", chap_secret: "verySecret123" },
  ...{ replica_num: 2, thin_provision: true, stripe_num: 4, stripe_size: 262_144, internal: false },
  ...{ external_use: false, labels: [{ id: "l1", key: "who", value: "me" }], entityAsyncStatus: "UPDATING" },
};
const only = (one: typeof target): Script => ({ "get-iscsi-targets": () => [one] });

test("a target is the cluster's own if it says so, whoever uses it", async (t) => {
  for (const internal of [true, false]) {
    for (const external_use of [true, false]) {
      const { tower } = await scriptedTower(t, only({ ...target, internal, external_use }));
      assert.equal((await listTargets(tower, "c1"))[0]?.isInternal, internal);
    }
  }
});

test("of what CloudTower says of a target its CHAP secret is not kept", async (t) => {
  const { tower } = await scriptedTower(t, only(target));
  const [found] = await listTargets(tower, "c1");
  assert.deepEqual([found?.isChap, found?.labels, found?.isSettled], [true, { who: "me" }, false]);
  assert.doesNotMatch(inspect(found), /verySecret123/);
});

describe("a cluster", () => {
  const clusterOf = (id: string, name: string) => ({ id, name, version: "6.3.0", connect_state: "CONNECTED" });
  const clusters = [clusterOf("c1", "one"), clusterOf("c2", "two"), clusterOf("c3", "two")];
  const script: Script = {
    "get-clusters": ({ body }) => {
      const where = body["where"] as { name?: string; OR?: { id?: string }[] };
      const found = clusters.filter(({ id, name }) => name === where.name || where.OR?.some((one) => one.id === id));
      return found.slice(Number(body["skip"] ?? 0));
    },
  };

  test("is found by its id, else by its name", async (t) => {
    const { tower } = await scriptedTower(t, script);
    assert.deepEqual([(await findCluster(tower, "c2")).id, (await findCluster(tower, "one")).id], ["c2", "c1"]);
  });

  test("is refused by name where there is none, and where there are several", async (t) => {
    const { tower } = await scriptedTower(t, script);
    for (const [name, why] of [
      ["three", /knows no cluster “three”/],
      ["two", /knows several cluster “two”/],
    ] as const) {
      await assert.rejects(findCluster(tower, name), (error) => {
        assert.ok(VisibleError.is(error, "CLUSTER_REFUSED"));
        assert.match(error.message, why);
        return true;
      });
    }
  });
});
