import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageText } from "../../core/api/message.ts";
import { warningsMax } from "../../core/api/reason.ts";
import { boundedWarnings } from "./warnings.ts";

const some = (count: number, message = "It is left out.") => Array(count).fill({ code: "OBJECT_UNUSABLE", message });

describe("the warnings that a message has", () => {
  test("are all of them while they are few", () => {
    assert.deepEqual(boundedWarnings(some(warningsMax)), some(warningsMax));
    assert.deepEqual(boundedWarnings([]), []);
  });

  test("are the first of many, and how many there are more", () => {
    const told = boundedWarnings(some(100));
    assert.deepEqual(told.slice(0, -1), some(warningsMax - 1));
    assert.match(told.at(-1)?.message ?? "", /81 more/);
  });

  test("are fewer where they are long", () => {
    const told = boundedWarnings(some(10, "字".repeat(1000)));
    assert(told.length < 10 && messageText(told).length < 25 * 1024);
    assert.match(told.at(-1)?.message ?? "", new RegExp(`${10 - told.length + 1} more`));
  });
});
