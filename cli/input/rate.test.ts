import assert from "node:assert/strict";
import { test } from "node:test";
import { rate } from "./rate.ts";

test("a rate is bytes per second in decimal or binary units, or off", () => {
  const told = ["65536", "50MB", "50mb/s", "10MiB", "1.5 GiB/s", "16KiB", "off"];
  assert.deepEqual(told.map(rate), [65_536, 50e6, 50e6, 10 * 2 ** 20, 1.5 * 2 ** 30, 16_384, "off"]);
});

test("what is no rate, or less than the least one, is refused", () => {
  for (const text of ["", "fast", "50XB", "-1MB", "50 M B", "1e9", "MB", "50MB/h"]) {
    assert.throws(() => rate(text), /50MB or 10MiB/, text);
  }
  for (const text of ["0", "16383", "1KB"]) assert.throws(() => rate(text), /At least 16KiB/, text);
});
