import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageText } from "../../core/api/message.ts";
import { type ObjectConfig, objectConfigSchema } from "../../core/api/object.ts";
import { reportSchema } from "../../core/api/report.ts";
import { inventoryReports } from "./inventory.ts";
import { groupId, identity, instant } from "./testing.ts";

const observedAt = instant("2026-03-01T00:00:00.000Z");
const objects = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    objectConfigSchema.parse({
      kind: "volume",
      id: `v${index}`,
      name: `v${index}`,
      volumes: [
        { id: `v${index}`, sizeBytes: 1, geometry: { extentBytes: 65536, stripeCount: 1, stripeBytes: 65536 } },
      ],
    }),
  );

const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);

const nothing = { objects: [], damage: [] };

describe("an inventory's reports", () => {
  for (const [count, sizes] of [
    [0, [0]],
    [200, [200]],
    [201, [200, 1]],
    [450, [200, 200, 50]],
  ] as const) {
    test(`${count} objects come in parts of ${sizes.join(" and ")}`, () => {
      const all = objects(count);
      const reports = inventoryReports({ objects: all, damage: [] }, identity, observedAt);
      assert.deepEqual(
        reports.map((report) => report.objects.length),
        sizes,
      );
      assert.deepEqual(reports.flatMap((report) => report.objects).sort(byId), all.sort(byId));
      for (const [part, report] of reports.entries()) {
        assert.deepEqual([report.part, report.parts], [part, sizes.length]);
        assert.deepEqual(reportSchema.parse(report), report);
      }
    });
  }

  test("what is damaged comes in the same parts, and in more of them where there is more of it", () => {
    const damage = Array.from({ length: 201 }, (_, index) => ({
      groupId,
      volumeId: `v${index.toString().padStart(3, "0")}`,
      name: "db",
      extents: 1,
    }));
    const reports = inventoryReports({ objects: objects(200), damage }, identity, observedAt);
    assert.deepEqual(
      reports.map((report) => [report.part, report.parts, report.objects.length, report.damage.length]),
      [
        [0, 2, 200, 200],
        [1, 2, 0, 1],
      ],
    );
    assert.deepEqual(
      reports.flatMap((report) => report.damage),
      damage,
    );
    for (const report of reports) assert.deepEqual(reportSchema.parse(report), report);
  });

  test("the ranges of its parts meet, and have all places that there are", () => {
    const ranges = inventoryReports({ objects: objects(450), damage: [] }, identity, observedAt).map(
      (report) => report.ranges,
    );
    const [first, second, third] = ranges.map((range) => range?.objects);
    assert.deepEqual([first, second?.after, third], [{ until: second?.after }, first?.until, { after: second?.until }]);
    assert.deepEqual(
      ranges.map((range) => range?.damage),
      [{}, undefined, undefined],
    );
    const [empty] = inventoryReports(nothing, identity, observedAt);
    assert.deepEqual(empty?.ranges, { objects: {}, damage: {} });
  });

  test("one that an earlier version has sent has no damage", () => {
    const [report] = inventoryReports(nothing, identity, observedAt);
    const { damage: _, ...earlier } = report ?? assert.fail();
    assert.deepEqual(reportSchema.parse(earlier), report);
  });

  test("one object that can't be used is told with its reason, and takes nothing from the others", () => {
    const [first, , third] = objects(3);
    const bad = { ...first, id: "bad", name: "n".repeat(1e6) } as ObjectConfig;
    const [report, ...more] = inventoryReports(
      { ...nothing, objects: [first, bad, third] as ObjectConfig[] },
      identity,
      observedAt,
    );
    assert.equal(more.length, 0);
    const reason = "its name has 1000000 characters, and 255 are the most";
    const unusable = { kind: "volume", id: "bad", name: `${"n".repeat(100)}…`, unusable: reason };
    assert.deepEqual(report?.objects, [unusable, first, third]);
    assert.deepEqual(reportSchema.parse(report), report);
  });

  test("a part fits into a message and a document, however long its names are once they are escaped", () => {
    const long = objects(200).map((object) => ({ ...object, name: "数".repeat(255) }));
    const reports = inventoryReports({ ...nothing, objects: long }, identity, observedAt);
    assert.ok(reports.length > 1);
    for (const report of reports) assert.ok(messageText(report).length < 256 * 1024);
    assert.deepEqual(reports.flatMap((report) => report.objects).sort(byId), long.sort(byId));
    assert.deepEqual(
      reports.map(({ parts }) => parts),
      Array(reports.length).fill(reports.length),
    );
  });

  test("facilities that a message can't hold are told without VLANs, and not at all where that does not help", () => {
    const facilities = (switches: number, vlans: number, name = "s") => ({
      ...{ kinds: ["vm" as const], pools: [{ name: "fast" }] },
      switches: Array.from({ length: switches }, (_, number) => ({
        name: `${name}${number}`,
        vlans: Array.from({ length: vlans }, (_, vlanId) => ({ name: `v${vlanId}`, vlanId })),
      })),
    });
    const told = (given: ReturnType<typeof facilities>) =>
      inventoryReports({ ...nothing, facilities: given }, identity, observedAt)[0]?.facilities;
    assert.deepEqual(told(facilities(3, 3)), facilities(3, 3));
    assert.deepEqual(told(facilities(200, 200)), facilities(200, 0));
    assert.equal(told(facilities(200, 0, "数".repeat(250))), undefined);
  });

  test("a later observation has a larger generation", () => {
    const [earlier] = inventoryReports(nothing, identity, observedAt);
    const [later] = inventoryReports(nothing, identity, instant("2026-03-01T00:00:00.001Z"));
    assert.ok(earlier && later && later.generation > earlier.generation);
  });
});
