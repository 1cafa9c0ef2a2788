import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "../api/ids.ts";
import { sinceSchema } from "../api/since.ts";
import { instantText } from "../object/instant-text.ts";
import { sinceInstant } from "./since.ts";

const now = "2026-03-08T12:00:00.000Z" as Instant;

test("is so long ago, a day, or an instant in any zone", () => {
  for (const [written, meant] of [
    ["90m", "2026-03-08T10:30:00.000Z"],
    ["24h", "2026-03-07T12:00:00.000Z"],
    ["7d", "2026-03-01T12:00:00.000Z"],
    ["1w", "2026-03-01T12:00:00.000Z"],
    ["2026-03-01", "2026-03-01T00:00:00.000Z"],
    ["2026-03-01T01:00:00+02:00", "2026-02-28T23:00:00.000Z"],
  ] as const) {
    assert.equal(sinceInstant(sinceSchema.parse(written), now), meant, written);
  }
});

test("is a time as it is printed, or less of it: in UTC unless it names a zone", () => {
  for (const [written, meant] of [
    [instantText("2026-03-01T01:02:03.000Z"), "2026-03-01T01:02:03.000Z"],
    ["2026-03-01 01:02:03", "2026-03-01T01:02:03.000Z"],
    ["2026-03-01 01:02", "2026-03-01T01:02:00.000Z"],
    ["2026-03-01T01:02:03", "2026-03-01T01:02:03.000Z"],
    ["2026-03-01 01:02:03 Europe/Berlin", "2026-03-01T00:02:03.000Z"],
  ] as const) {
    assert.equal(sinceInstant(sinceSchema.parse(written), now), meant, written);
  }
});

test("is nothing else", () => {
  for (const wrong of [
    "",
    "24",
    "0h",
    "-1d",
    "1y",
    "yesterday",
    "2026-13-01",
    "2026-02-30 01:00",
    "2026-03-01 25:00",
    "2026-03-01 01:00 Nowhere/City",
  ]) {
    const { error } = sinceSchema.safeParse(wrong);
    assert.match(error?.issues[0]?.message ?? "", /such as 24h or 7d/, wrong);
  }
});
