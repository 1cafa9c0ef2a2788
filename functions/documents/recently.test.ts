import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { Recently } from "./recently.ts";

const start = instantSchema.parse("2026-03-01T00:00:00.000Z");
const at = (seconds: number) => ({ clock: { now: () => addSeconds(start, seconds) } });

describe("what was so some seconds ago", () => {
  test("is remembered for so long, and not when the clock was set back since", () => {
    const recent = new Recently<string>(5);
    recent.set("a", "x", start);
    assert.deepEqual(
      [0, 4.999, 5, -1].map((seconds) => recent.get("a", at(seconds))),
      ["x", "x", undefined, undefined],
    );
    assert.equal(recent.get("b", at(0)), undefined);
  });

  test("is forgotten first where nobody asked for longest, when there is too much", () => {
    const recent = new Recently<number>(5);
    for (let entry = 0; entry < 10_000; entry++) recent.set(`${entry}`, entry, start);
    assert.equal(recent.get("0", at(1)), 0);
    recent.set("one more", 1, start);
    assert.deepEqual(
      ["0", "1", "2", "one more"].map((key) => recent.get(key, at(1))),
      [0, undefined, 2, 1],
    );
  });
});
