import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageText } from "../api/message.ts";
import { unusableObjectSchema } from "../api/object.ts";
import { isUnusable, judgeObject } from "./judge.ts";

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
const good = { kind: "lun", id: "lun-1", name: "web1", volumes: [{ id: "volume-1", sizeBytes: 1, geometry }] };
const reasonOf = (value: unknown): string => {
  const judged = judgeObject(value);
  assert(isUnusable(judged), "it was taken for a good one");
  assert.deepEqual(unusableObjectSchema.parse(judged), judged);
  assert(messageText(judged).length < 8 * 1024);
  return judged.unusable;
};

describe("an object of an inventory", () => {
  test("is taken as it is", () => {
    assert.deepEqual(judgeObject(good), good);
    assert.deepEqual(judgeObject({ ...good, name: "💾" }), { ...good, name: "💾" });
  });

  test("is unusable with a name that is too long, or none, and is still known by its id", () => {
    assert.equal(reasonOf({ ...good, name: "n".repeat(256) }), "its name has 256 characters, and 255 are the most");
    assert.equal(reasonOf({ ...good, name: "" }), "it has no name");
    assert.deepEqual(judgeObject({ ...good, name: "n".repeat(1e6) }), {
      kind: "lun",
      id: "lun-1",
      name: `${"n".repeat(100)}…`,
      unusable: "its name has 1000000 characters, and 255 are the most",
    });
  });

  test("is unusable when it is too large for a message, or of a form that is not known", () => {
    assert.match(
      reasonOf({ ...good, leftOut: Array(300).fill({ what: "s".repeat(255), reason: "s".repeat(255) }) }),
      /^its description takes \d+ bytes/,
    );
    assert.match(reasonOf({ ...good, kind: "tape" }), /^kind: /);
    assert.match(reasonOf({ ...good, volumes: [] }), /^volumes: /);
    for (const value of [undefined, null, 7, "text", [], {}, { name: 7 }, { name: "x", id: {} }]) reasonOf(value);
  });

  test("stays unusable for the reason that its gateway told", () => {
    const judged = judgeObject({ ...good, name: "" });
    assert.deepEqual(judgeObject(judged), judged);
  });
});
