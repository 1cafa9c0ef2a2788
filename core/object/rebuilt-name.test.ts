import assert from "node:assert/strict";
import { test } from "node:test";
import { rebuiltName } from "./rebuilt-name.ts";

test("what is rebuilt has the prefix before its name", () => {
  for (const kind of ["lun", "volume", "vm"] as const) {
    assert.equal(rebuiltName({ kind, name: "db/1" }, "restored-"), "restored-db/1");
  }
});

test("a file that is rebuilt stays in its directory", () => {
  const nameOf = (name: string) => rebuiltName({ kind: "nfs-file", name }, "restored-");
  assert.equal(nameOf("/exports/e1/vm/web.vmdk"), "/exports/e1/vm/restored-web.vmdk");
  assert.equal(nameOf("/exports/e1/a"), "/exports/e1/restored-a");
});
