import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extentBytesMax, extentBytesMin } from "../api/object/volume-shape.ts";
import { blockAt, blockBytes } from "./geometry.ts";

test("the smallest extent is one block", () => {
  assert.equal(extentBytesMin, blockBytes);
});

test("a byte's block is the one that it is in, to the end of the largest extent", () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(extentBytesMax - 1), fc.constant(extentBytesMax - 1)), (offset) => {
      assert.equal(blockAt(offset), Math.floor(offset / blockBytes));
    }),
  );
});
