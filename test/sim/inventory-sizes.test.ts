import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../core/api/errors.ts";
import { type GatewayId, instantSchema } from "../../core/api/ids.ts";
import { isUnusable, judgeObject } from "../../core/api/judged-object.ts";
import { messageBytesMax, messageText } from "../../core/api/message.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { type PlanDefinition, planDefinitionSchema } from "../../core/api/plan.ts";
import { siteSchema } from "../../core/api/site.ts";
import { definePlan } from "../../core/plan/define.ts";
import type { DocumentStore, Key } from "../../core/ports/store.ts";
import { createTestApi, siteA } from "../../functions/api/testing.ts";
import { bodyBytesMax } from "../../functions/documents/store-rules.ts";
import { createPlan } from "../../functions/engine/commands.ts";
import { listObjects } from "../../functions/inventory/objects.ts";
import { handleReport } from "../../functions/report.ts";
import { inventoryReports } from "../../gateway/tasks/inventory.ts";

/** DynamoDB's limit of a sort key. */
const sortBytesMax = 1024;
/** More objects are more parts, and not larger ones. */
const toldMax = 500;
/** What a task to the source has besides a plan's objects. */
const taskBytes = 8 * 1024;

/** A store that knows the largest document and the longest key that it was given. */
const measuring = (store: DocumentStore) => {
  const largest = { documentBytes: 0, keyBytes: 0 };
  const measure = (key: Key, body: object) => {
    largest.documentBytes = Math.max(largest.documentBytes, Buffer.byteLength(JSON.stringify(body)));
    largest.keyBytes = Math.max(largest.keyBytes, Buffer.byteLength(key.sort));
  };
  const measured: DocumentStore = {
    ...store,
    commit: (changes) => {
      for (const change of changes) if (change.type === "put") measure(change.key, change.body);
      return store.commit(changes);
    },
    putAll: (documents) => {
      for (const { key, body } of documents) measure(key, body);
      return store.putAll(documents);
    },
  };
  return { store: measured, largest };
};

const letter = fc.constantFrom("a", "é", "数", "💾", "#", '"', "\u0001", "\ud800");
/** Long ones more often than not: what is too long is to be met. */
const textOf = (charactersMax: number) =>
  fc
    .record({ unit: letter, length: fc.oneof(fc.nat(charactersMax), fc.constant(charactersMax)) })
    .map(({ unit, length }) => unit.repeat(charactersMax).slice(0, length));

const shapeArbitrary = fc.record({
  count: fc.oneof(fc.nat(300), fc.integer({ min: 1000, max: 4000 })),
  id: textOf(250),
  name: textOf(255),
  switches: fc.array(textOf(100), { maxLength: 20 }),
  volumes: fc.integer({ min: 1, max: 20 }),
  damaged: fc.nat(300),
});

/** What chance may leave out: a plan that is small enough, and one that is too large. */
const accepted = { count: 100, id: "id", name: "name", switches: [], volumes: 1, damaged: 1 };
const refused = { count: 4000, id: "i".repeat(250), name: "n".repeat(255), switches: [], volumes: 1, damaged: 1 };

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };

test("no document and no message of an inventory or a plan that is accepted is too large", async (t) => {
  const seen = { documentBytes: 0, keyBytes: 0, messageBytes: 0, accepted: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(shapeArbitrary, async ({ count, id, name, switches, volumes, damaged }) => {
      const { deps, send } = await createTestApi();
      await send("POST", "/v1/sites", { id: siteA, multiCluster: "main" });
      const { store, largest } = measuring(deps.store);
      const now = instantSchema.parse(deps.clock.now());
      const objects = Array.from(
        { length: count },
        (_, index): ObjectConfig => ({
          kind: "lun",
          id: `${index}${id}`,
          name,
          volumes: Array.from({ length: volumes }, (_, n) => ({ id: `${n}${id}`, sizeBytes: 1, geometry })),
          labels: Object.fromEntries(switches.map((text, n) => [`${n}${text}`, text])),
        }),
      );
      const damage = Array.from({ length: damaged }, (_, index) => ({
        ...{ groupId: "g".repeat(200), volumeId: `${index}${id}`, name, extents: 1 },
      }));
      const seenNow = { objects: objects.slice(0, toldMax), damage };
      for (const report of inventoryReports(seenNow, { id: "gw" as GatewayId, siteId: siteA }, now)) {
        const text = messageText(report);
        seen.messageBytes = Math.max(seen.messageBytes, text.length);
        await handleReport({ ...deps, store }, JSON.parse(text));
      }
      await listObjects({ ...deps, store }, siteA, { id: "0", name: name.slice(0, 255) || "x" }, { limit: 1 });
      const usable = objects.map(judgeObject).filter((object) => !isUnusable(object));
      const wanted = { name: "all", source: "a", retention: { keepLast: 1 } };
      const asked = { ...wanted, objects: usable.map(({ kind, id: one }) => ({ kind, id: one })) };
      const definition: PlanDefinition = planDefinitionSchema.parse(asked);
      const site = siteSchema.parse({ id: "a", multiCluster: "main", createdAt: now });
      const known = { observedAt: now, objects: usable };
      try {
        const plan = definePlan(definition, {
          sites: [site],
          known,
          facilities: new Map(),
          now,
          planId: deps.ids.planId(),
        });
        await createPlan({ ...deps, store }, plan);
        seen.accepted += 1;
        seen.messageBytes = Math.max(seen.messageBytes, messageText({ objects: plan.objects }).length + taskBytes);
      } catch (error) {
        if (!VisibleError.is(error)) throw error;
        seen.refused += 1;
      }
      seen.documentBytes = Math.max(seen.documentBytes, largest.documentBytes);
      seen.keyBytes = Math.max(seen.keyBytes, largest.keyBytes);
      assert(seen.documentBytes <= bodyBytesMax, `a document of ${seen.documentBytes} bytes`);
      assert(seen.keyBytes <= sortBytesMax, `a key of ${seen.keyBytes} bytes`);
      assert(seen.messageBytes <= messageBytesMax, `a message of ${seen.messageBytes} bytes`);
    }),
    { numRuns: 4, examples: [[accepted], [refused]] },
  );
  t.diagnostic(JSON.stringify(seen));
  assert(seen.accepted > 0 && seen.refused > 0);
});
