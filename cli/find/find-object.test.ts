import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { objectNamed } from "../../functions/api/testing.ts";
import { findObject } from "./find-object.ts";

const hintFor = (nameOrId: string, kind?: "lun" | "vm"): string | undefined => {
  try {
    findObject([objectNamed("mail"), objectNamed("web1")], { site: "a", nameOrId, kind });
  } catch (error) {
    if (error instanceof VisibleError) return error.hint;
    throw error;
  }
  return undefined;
};

test("a typo in an object's name is answered with the name that is near, of the kind that was asked for", () => {
  assert.match(
    hintFor("mial") ?? "",
    /^Did you mean “mail”\? List what it has with: smtx-backup object list --site a /,
  );
  assert.match(hintFor("mial", "lun") ?? "", /^Did you mean “mail”\? /);
  assert.match(hintFor("mial", "vm") ?? "", /^List what it has with: /);
  assert.match(hintFor("database") ?? "", /^List what it has with: /);
});
