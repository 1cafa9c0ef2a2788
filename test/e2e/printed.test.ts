import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { prints } from "./printed.ts";
import { typedIn } from "./typed.ts";

describe("what a page says that is printed", () => {
  test("may have other ids, instants, sizes, ratios, durations, ports and spaces", () => {
    const said =
      "nightly  2026-11-29 20:28:58 UTC  64 MiB  2.7×  1.1 s  group_01M8MFY6_20261129T2Z http://127.0.0.1:33";
    const printed = "nightly 2027-01-01 01:00:00 UTC 1.5 KiB 30.1× 1 min 3 s group_02AAAA_20270101Z http://127.0.0.1:8";
    assert.ok(prints(said, printed));
  });

  for (const [what, said, printed] of [
    ["another word", "b: succeeded", "b: failed"],
    ["another count", "keeps 7 groups", "keeps 3 groups"],
    ["an instant for a duration", "age 3 s", "age 2026-11-29 20:28:58"],
    ["a line less", "one\ntwo", "one"],
    ["a line more", "one", "one\ntwo"],
    ["lines in another order", "one\n…\ntwo", "two\none"],
    ["anything where nothing is said", "", "one"],
  ] as const) {
    test(`is not printed by ${what}`, () => assert.ok(!prints(said, printed)));
  }

  test("may leave out lines, and ends of lines, with an ellipsis", () => {
    assert.ok(prints("…\ntwo\n…\nfo…\n…", "one\ntwo\nthree\nfour"));
    assert.ok(prints("one\n…\ntwo", "one\ntwo"));
    assert.ok(!prints("…\nfour…", "one\nfo"));
  });

  test("belongs to the command above it", () => {
    assert.deepEqual(typedIn("$ one\n\nx\n$ two\n"), [
      { command: "one", said: "\nx" },
      { command: "two", said: "" },
    ]);
  });
});
