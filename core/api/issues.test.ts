import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainIssues } from "./issues.ts";
import { planDefinitionSchema } from "./plan.ts";

const definition = { name: "nightly", source: "a", retention: { keepLast: 1 } };
const said = (...objects: readonly object[]) =>
  plainIssues(planDefinitionSchema.safeParse({ ...definition, objects }).error?.issues ?? []).map(
    ({ path, message }) => `${path}: ${message}`,
  );

describe("what is wrong with a plan's entry", () => {
  test("is told of the form that it comes closest to, at its place", () => {
    assert.deepEqual(said({ kind: "vm", match: "*" }, { kind: "vm", name: "web" }), []);
    assert.match(said({ kind: "disk" }).join(), /^objects\.0\.kind: .*"vm"/);
    assert.match(said({ kind: "vm", name: 5 }).join(), /^objects\.0\.name: .*string/);
    assert.match(said({ kind: "vm", matchh: "web-*" }).join(), /^objects\.0: .*"matchh"/);
    assert.match(
      said({ kind: "nfs-file", directory: "/e1" }).join(),
      /^objects\.0\.directory: a directory of an export/,
    );
    assert.match(said({ kind: "vm", directory: "/exports/e1" }).join(), /^objects\.0\.directory: only files/);
  });
});
