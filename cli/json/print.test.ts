import assert from "node:assert/strict";
import { test } from "node:test";
import { printedJson } from "./print.ts";

const printed = (document: unknown): unknown => JSON.parse(printedJson(document));
const instant = "2026-03-01T01:00:00.999Z";

test("an instant is printed as the second that has begun, in UTC, wherever it is", () => {
  const document = { items: [{ slot: instant, run: { endedAt: null, startedAt: instant } }], slots: [instant] };
  const second = "2026-03-01T01:00:00Z";
  const expected = { items: [{ slot: second, run: { endedAt: null, startedAt: second } }], slots: [second] };
  assert.deepEqual(printed(document), expected);
  assert.deepEqual(printed({ endsAt: "2030-01-01T00:00:00+01:00" }), { endsAt: "2029-12-31T23:00:00Z" });
});

test("what somebody wrote is printed as it is, though it looks like an instant", () => {
  const documents = { name: instant, labels: { createdAt: instant }, switches: { at: instant } };
  assert.deepEqual(printed(documents), documents);
  assert.deepEqual(printed({ at: "01:00", startsOn: "2026-01-01" }), { at: "01:00", startsOn: "2026-01-01" });
});
