import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { type Group, holdsMax } from "../../core/api/group.ts";
import type { Run } from "../../core/api/run.ts";
import type { Key } from "../../core/ports/store.ts";
import { createNightlyPlan, createTestApi, siteA, siteB, type TestApi } from "../api/testing.ts";
import { workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { groupKey } from "../documents/records.ts";
import { beginRestore } from "./begin.ts";
import { readRestorable } from "./restorable.ts";

const groupAtB = async (api: TestApi): Promise<Group> => {
  const { body } = await api.send<Page<Group>>("GET", "/v1/plans/nightly/groups?site=b");
  return body.items[0] ?? assert.fail("site b has no group");
};

const withGroup = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, [siteA, siteB]);
  const { id: groupId } = await groupAtB(api);
  return { api, groupId, of: await readRestorable(api.deps, groupId, siteB) };
};

const lockOf = (sort: string): Key => ({ partition: "LOCKS", sort });

describe("a restore", () => {
  test("begins beside nine others of its group, asked for in the same millisecond, and each has a hold", async () => {
    const { api, groupId } = await withGroup();
    const asked = Array.from({ length: 10 }, (_, n) =>
      api.send<Run>("POST", "/v1/restores", { type: "rebuild", groupId, siteId: "b", namePrefix: `r${n}-` }),
    );
    const answers = await Promise.all(asked);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    const ids = answers.map(({ body }) => body.id).sort();
    assert.equal(new Set(ids).size, 10);
    assert.deepEqual([...(await groupAtB(api)).holds].sort(), ids);
    await workAt(api, [siteB]);
    for (const id of ids) {
      const { body } = await api.send<{ status: string }>("GET", `/v1/runs/${id}`);
      assert.equal(body.status, "succeeded");
    }
    assert.deepEqual((await groupAtB(api)).holds, []);
    assert.deepEqual(api.errors, []);
  });

  test("writes what it is given with it in one transaction, by what is there at that try", async () => {
    const { api, of } = await withGroup();
    const began = await Promise.allSettled(
      [1, 2].map(() =>
        beginRestore(api.deps, {
          ...{ kind: "rebuild", of, target: siteB, objectCount: 1, told: { namePrefix: "x-" } },
          alongside: async (run) => {
            const lock = await api.deps.store.get<{ runId: string }>(lockOf("db"));
            if (lock !== undefined) throw new VisibleError("OBJECT_BUSY", `${lock.body.runId} has it.`);
            return [{ type: "put", key: lockOf("db"), body: { runId: run.id }, expect: "absent" }];
          },
        }),
      ),
    );
    const [run] = began.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const [refusal] = began.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    assert.ok(run !== undefined && VisibleError.is(refusal, "OBJECT_BUSY"));
    assert.equal(refusal.message, `${run.id} has it.`);
    assert.deepEqual((await groupAtB(api)).holds, [run.id]);
  });

  test("is refused of a group that as many read as may, and of one that is not there any more", async () => {
    const { api, groupId, of } = await withGroup();
    const put = async (changes: Partial<Group>) => {
      const stored = await api.deps.store.get<Group>(groupKey(groupId, siteB));
      assert.ok(stored !== undefined);
      const body = { ...stored.body, ...changes };
      await api.deps.store.commit([{ type: "put", key: stored.key, body, expect: { version: stored.version } }]);
    };
    const begin = () =>
      beginRestore(api.deps, { kind: "rebuild", of, target: siteB, objectCount: 1, told: { namePrefix: "x-" } });
    await put({ holds: Array.from({ length: holdsMax }, (_, n) => `restore_${n}`) });
    const before = await api.dump();
    await assert.rejects(begin, (error) => VisibleError.is(error, "GROUP_BUSY"));
    assert.equal(await api.dump(), before);
    await put({ holds: [], state: "deleting" });
    await assert.rejects(begin, (error) => VisibleError.is(error, "GROUP_NOT_RESTORABLE"));
  });
});
