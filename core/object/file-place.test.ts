import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../api/errors.ts";
import { placeNamed } from "./file-place.ts";

test("a file's name is its export and its path in it", () => {
  assert.deepEqual(placeNamed("/exports/e1/vm/web.vmdk"), { export: "e1", path: "vm/web.vmdk" });
  assert.deepEqual(placeNamed("/exports/e1/..web"), { export: "e1", path: "..web" });
});

test("no name leads out of its export", () => {
  for (const name of [
    ...["", "web", "/exports", "/exports/e1", "/exports/e1/", "/exports//web", "exports/e1/web", "/other/e1/web"],
    ...[
      "/exports/e1/../e2/web",
      "/exports/../etc/passwd",
      "/exports/e1/./web",
      "/exports/e1//web",
      "/exports/e1/vm/..",
    ],
  ]) {
    assert.throws(
      () => placeNamed(name),
      (error) => VisibleError.is(error, "BAD_REQUEST"),
      name,
    );
  }
});
