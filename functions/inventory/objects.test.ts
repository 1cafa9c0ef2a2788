import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JudgedObject } from "../../core/api/judged-object.ts";
import type { PlanDefinition } from "../../core/api/plan.ts";
import { createTestApi, objectNamed, siteA, vmNamed } from "../api/testing.ts";
import { putInventoryPart } from "./inventory.ts";
import { lookUpObjects } from "./objects.ts";
import { toldBy } from "./testing.ts";

type Wanted = PlanDefinition["objects"];

const siteOf = async (objects: readonly JudgedObject[]) => {
  const { deps } = await createTestApi();
  for (const part of toldBy({ siteId: siteA, at: 1, objects })) await putInventoryPart(deps, part);
  const read = { documents: 0 };
  const store: typeof deps.store = {
    ...deps.store,
    get: async <T>(key: Parameters<typeof deps.store.get>[0]) => {
      read.documents += 1;
      return deps.store.get<T>(key);
    },
    query: async <T>(options: Parameters<typeof deps.store.query>[0]) => {
      const page = await deps.store.query<T>(options);
      read.documents += Math.max(1, page.items.length);
      return page;
    },
  };
  return { deps: { ...deps, store }, read };
};

describe("what a definition names", () => {
  const many = Array.from({ length: 500 }, (_, index) => objectNamed(`${index}`));

  test("is looked up by id or name, and nothing else of the site is read", async () => {
    const { deps, read } = await siteOf(many);
    const wanted: Wanted = [
      { kind: "lun", id: "lun-7" },
      { kind: "lun", name: "8" },
      { kind: "lun", name: "nobody's" },
    ];
    const found = await lookUpObjects(deps, siteA, wanted, []);
    assert.deepEqual(found?.objects.map(({ id }) => id).sort(), ["lun-7", "lun-8"]);
    assert.equal(found?.observedAt, "1970-01-01T00:00:00.001Z");
    // The head; one by id; a name and its object; no name.
    assert.equal(read.documents, 1 + 1 + 2 + 1);
  });

  test("is found whatever there is of it when it is much", async () => {
    const { deps, read } = await siteOf(many);
    const wanted: Wanted = many.slice(100, 400).map(({ kind, id, name }, index) => ({
      ...(index % 2 === 0 ? { kind, id } : { kind, name }),
    }));
    const found = await lookUpObjects(deps, siteA, wanted, []);
    assert.deepEqual(new Set(found?.objects.map(({ id }) => id)), new Set(many.slice(100, 400).map(({ id }) => id)));
    assert.ok(read.documents <= 510);
  });

  test("is looked up by the id that the plan has for the name, too, which may have another name now", async () => {
    const { deps } = await siteOf([objectNamed("old", { name: "new" })]);
    const held = [
      { kind: "lun", id: "lun-old", name: "old" } as const,
      { kind: "lun", id: "lun-x", name: "not wanted" } as const,
    ];
    const found = await lookUpObjects(deps, siteA, [{ kind: "lun", name: "old" }], held);
    assert.deepEqual(
      found?.objects.map(({ id, name }) => [id, name]),
      [["lun-old", "new"]],
    );
  });

  test("is one object where its id and its name are given", async () => {
    const { deps } = await siteOf(many);
    const wanted: Wanted = [
      { kind: "lun", id: "lun-7" },
      { kind: "lun", name: "7" },
    ];
    assert.equal((await lookUpObjects(deps, siteA, wanted, []))?.objects.length, 1);
  });

  test("is read with all that the site has where there are rules, and only what they fit is given", async () => {
    const mirror = vmNamed("web-m", { origin: { planId: "plan_x", siteId: "z", role: "mirror" } });
    const unusable = { kind: "vm", id: "vm-u", name: "web-u", unusable: "for this test" };
    const { deps, read } = await siteOf([...many, vmNamed("web-1"), vmNamed("app"), mirror, unusable]);
    const wanted: Wanted = [
      { kind: "vm", match: "web-*" },
      { kind: "lun", name: "8" },
    ];
    const found = await lookUpObjects(deps, siteA, wanted, []);
    assert.deepEqual(found?.objects.map(({ id }) => id).sort(), ["lun-8", "vm-u", "vm-web-1"]);
    assert.ok(read.documents <= 510);
  });

  test("is unknown where no gateway has told anything", async () => {
    const { deps } = await createTestApi();
    assert.equal(await lookUpObjects(deps, siteA, [{ kind: "lun", id: "lun-7" }], []), undefined);
  });
});
