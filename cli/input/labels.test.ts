import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { labelChanges } from "./labels.ts";

test("key=value sets a label, key= one without a value, and key- takes it away", () => {
  assert.deepEqual(labelChanges(["env=prod", "note=", "tier-", "a-b=c=d"]), {
    env: "prod",
    note: "",
    tier: null,
    "a-b": "c=d",
  });
});

test("what is none is refused with what to write", () => {
  for (const written of [["env"], ["=prod"], ["-"], ["env=a", "env-"], [`env=${"x".repeat(256)}`]]) {
    assert.throws(() => labelChanges(written), { code: "BAD_REQUEST", hint: /env=prod .*env-/ });
  }
});

test("a label that was set is read back as it was written, whatever is in its value", () => {
  const key = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes("="));
  fc.assert(
    fc.property(key, fc.string({ maxLength: 50 }), (name, value) => {
      assert.deepEqual(Object.entries(labelChanges([`${name}=${value}`])), [[name, value]]);
    }),
  );
});
