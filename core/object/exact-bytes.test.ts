import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesIn } from "../api/bytes.ts";
import { exactBytes } from "./exact-bytes.ts";

test("a size is told in the largest unit that has it exactly, and can be read back", () => {
  assert.equal(exactBytes(30 * 2 ** 20), "30 MiB");
  assert.equal(exactBytes(30 * 2 ** 20 + 1), "31457281 bytes");
  assert.equal(exactBytes(1536), "1536 bytes");
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      assert.equal(bytesIn(exactBytes(bytes).replace(" bytes", "")), bytes);
    }),
  );
});
