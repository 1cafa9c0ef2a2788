import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonIn } from "./json.ts";

test("a text of JSON gives its value, null and false as well", () => {
  fc.assert(fc.property(fc.json(), (text) => assert.deepEqual(jsonIn(text), JSON.parse(text))));
  assert.deepEqual(["null", "false", '""', " 1 "].map(jsonIn), [null, false, "", 1]);
});

test("any other text gives nothing, and throws nothing", () => {
  assert.deepEqual(["", "{", "undefined", "<html>", "{'a':1}", "1 2"].map(jsonIn), Array(6).fill(undefined));
});
