import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupAnswer } from "../../core/api/answers.ts";
import type { Damage } from "../../core/api/group.ts";
import { instantSchema } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { createNightlyPlan, createTestApi, reportAlive, siteA, siteB } from "../api/testing.ts";
import { workAt } from "../api/testing-gateway.ts";
import { groupKey } from "../documents/records.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { toldBy } from "../inventory/testing.ts";

test("a list of groups has the damage of its own groups, a hundred objects of each", async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  for (const site of [siteA, siteB]) await reportAlive(api, site);
  const runs: Run[] = [];
  for (let index = 0; index < 2; index += 1) {
    runs.push((await api.send<Run>("POST", "/v1/plans/nightly/run")).body);
    await workAt(api, [siteA, siteB]);
  }
  const [first, second] = runs.map(({ groupId }) => groupId);
  assert(first && second);
  const damageOf = (groupId: string, volumes: number): Damage[] =>
    Array.from({ length: volumes }, (_, index) => ({ groupId, volumeId: `v${index}`, name: "db", extents: 1 }));
  const damage = [...damageOf(first, 150), ...damageOf(`${first.slice(0, -1)}X`, 1)];
  const at = Date.parse(instantSchema.parse(api.deps.clock.now()));
  for (const part of toldBy({ siteId: siteB, at, damage })) await putInventoryPart(api.deps, part);
  const { items } = (await api.send<{ items: GroupAnswer[] }>("GET", "/v1/plans/nightly/groups?site=b")).body;
  assert.deepEqual(
    items.map((group) => [group.id, group.damage?.length, group.damage?.[0]]),
    [
      [second, undefined, undefined],
      [first, 100, { volumeId: "v0", name: "db", extents: 1 }],
    ],
  );
});

test("a list of groups has what is to be known of each, and how many volumes it has", async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  for (const site of [siteA, siteB]) await reportAlive(api, site);
  const { groupId } = (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
  await workAt(api, [siteA, siteB]);
  const list = async () =>
    (await api.send<{ items: GroupAnswer[] }>("GET", "/v1/plans/nightly/groups?site=b")).body.items[0];
  const stored = await api.deps.store.get<GroupAnswer>(groupKey(groupId, siteB));
  assert(stored);
  const warnings = [{ code: "OBJECT_GONE", message: "The vm “web” is gone." }];
  await api.deps.store.putAll([{ key: stored.key, body: { ...stored.body, volumeCount: 7, warnings } }]);
  const group = await list();
  assert.deepEqual([group?.volumeCount, group?.warnings], [7, warnings]);
  assert.deepEqual(group?.rebuild, [{ how: "snapshot", seconds: 0, objects: 1 }]);
});
