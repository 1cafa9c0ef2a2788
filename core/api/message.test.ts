import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNewerMessage, messageFormat, messageText, newestMessageFormat, sendableText } from "./message.ts";

test("a message is ASCII that can be printed, and says what it said", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
      const message = messageText({ value, text });
      assert.match(message, /^[ -~]*$/);
      assert.deepEqual(JSON.parse(message), JSON.parse(JSON.stringify({ value, text })));
    }),
  );
  assert.equal(messageText({ name: "💾\u007f" }), String.raw`{"name":"\ud83d\udcbe\u007f"}`);
});

test("a message says in which form it is, and only a newer one is left for others", () => {
  assert.deepEqual(JSON.parse(sendableText({ kind: "x" }, "It")), { format: messageFormat, kind: "x" });
  const own = { format: newestMessageFormat, kind: "y" };
  assert.deepEqual(JSON.parse(sendableText(own, "It")), own);
  assert.equal(isNewerMessage({ format: newestMessageFormat + 1 }), true);
  for (const body of [
    { format: newestMessageFormat },
    { format: messageFormat },
    { format: 1 },
    {},
    null,
    "text",
    { format: "x" },
  ]) {
    assert.equal(isNewerMessage(body), false);
  }
});
