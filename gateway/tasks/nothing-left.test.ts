import assert from "node:assert/strict";
import { test } from "node:test";
import { objectConfigSchema } from "../../core/api/object.ts";
import { nothingLeft } from "./nothing-left.ts";

const mirror = objectConfigSchema.parse({
  ...{ kind: "lun", id: "lun-1", name: "web-1" },
  volumes: [{ id: "v1", sizeBytes: 1024, geometry: { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 } }],
  origin: { planId: "plan_x", siteId: "z", role: "mirror" },
});

test("a plan whose rules fit nothing is told to change them, and that what would fit is a mirror", () => {
  const entries = [{ kind: "lun", match: "web-*" } as const, { kind: "vm", match: "*" } as const];
  const { code, message, hint } = nothingLeft({ entries, missing: [], warnings: [], site: [mirror] });
  assert.equal(code, "OBJECT_GONE");
  assert.match(
    message,
    /Nothing can be taken for lun web-\* \(1 that would fit is a mirror, which no plan takes\), vm \*\.$/,
  );
  assert.match(hint ?? "", /plan update PLAN -f FILE$/);
});
