import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, counted, durationText, instantText, rateText } from "./units.ts";

test("bytes are told in the unit that they are some of", () => {
  const told = [0, 1, 1023, 1024, 1536, 1024 ** 2 - 1, 40 * 1024 ** 2, 1023.9 * 1024 ** 2, 1.25 * 1024 ** 4, 2 ** 60];
  assert.deepEqual(told.map(bytesText), [
    "0 B",
    "1 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "1 MiB",
    "40 MiB",
    "1 GiB",
    "1.3 TiB",
    "1024 PiB",
  ]);
  assert.equal(rateText(84.4 * 1024 ** 2), "84.4 MiB/s");
});

test("durations are told in their two largest units", () => {
  const told = [-1, 0, 0.84, 9.96, 10.4, 59.6, 65, 3600, 7380, 90_000, 86_400];
  assert.deepEqual(told.map(durationText), [
    "0 s",
    "0 s",
    "0.8 s",
    "10 s",
    "10 s",
    "1 min",
    "1 min 5 s",
    "1 h",
    "2 h 3 min",
    "1 d 1 h",
    "1 d",
  ]);
});

test("instants are told in UTC, or in a zone that is named", () => {
  assert.equal(instantText("2026-07-01T23:05:06.789Z"), "2026-07-01 23:05:06 UTC");
  assert.equal(instantText("2026-07-01T22:00:00.000Z", "Europe/Berlin"), "2026-07-02 00:00:00 Europe/Berlin");
});

test("one is not many", () => {
  assert.deepEqual(
    [counted(0, "group"), counted(1, "group"), counted(2, "group")],
    ["0 groups", "1 group", "2 groups"],
  );
});
