import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { objectConfigSchema } from "../../core/api/object.ts";
import { reportSchema } from "../../core/api/report.ts";
import { inventoryReports } from "./inventory.ts";
import { identity, instant } from "./testing.ts";

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

describe("an inventory's reports", () => {
  for (const [count, sizes] of [
    [0, [0]],
    [200, [200]],
    [201, [200, 1]],
    [450, [200, 200, 50]],
  ] as const) {
    test(`${count} objects come in parts of ${sizes.join(" and ")}`, () => {
      const all = objects(count);
      const reports = inventoryReports(all, identity, observedAt);
      assert.deepEqual(
        reports.map((report) => report.objects.length),
        sizes,
      );
      assert.deepEqual(
        reports.flatMap((report) => report.objects),
        all,
      );
      for (const [part, report] of reports.entries()) {
        assert.deepEqual([report.part, report.parts], [part, sizes.length]);
        assert.deepEqual(reportSchema.parse(report), report);
      }
    });
  }

  test("a later observation has a larger generation", () => {
    const [earlier] = inventoryReports([], identity, observedAt);
    const [later] = inventoryReports([], identity, instant("2026-03-01T00:00:00.001Z"));
    assert.ok(earlier && later && later.generation > earlier.generation);
  });
});
