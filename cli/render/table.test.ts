import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { columnsOf, fitted, plainStyle, styleFor } from "./style.ts";
import { fields, table } from "./table.ts";

interface Row {
  readonly name: string;
  readonly size: string;
}

const columns = [
  { title: "NAME", value: ({ name }: Row) => name },
  { title: "SIZE", value: ({ size }: Row) => size, align: "right" as const },
  { title: "NOTE", value: () => "x" },
];
const options = { style: plainStyle, none: "nothing" };

describe("a table", () => {
  test("has its columns under each other, numbers at the right", () => {
    const rows = [
      { name: "db", size: "9" },
      { name: "web-server", size: "1000" },
    ];
    assert.equal(
      table(rows, columns, options),
      ["NAME        SIZE  NOTE", "db             9  x", "web-server  1000  x"].join("\n"),
    );
  });

  test("without rows is the sentence that says so", () => {
    assert.equal(table([], columns, options), "nothing");
  });

  test("counts Chinese characters as two columns", () => {
    const rows = [
      { name: "数据库", size: "1" },
      { name: "abcdef", size: "2" },
    ];
    const [, first, second] = table(rows, columns, options).split("\n");
    assert.deepEqual([first, second], ["数据库     1  x", "abcdef     2  x"]);
  });

  test("shows names so that they can't steer the terminal", () => {
    const text = table([{ name: "a\u001b[2Jb\u0007\nc\u202e", size: "1" }], columns, options);
    assert.match(text, /\na�\[2Jb��c� +1 {2}x$/);
  });

  test("is the same with colours but for the colours, whatever is in it", () => {
    const style = styleFor({ isTerminal: true, env: {} });
    const painted = columns.map((column) => ({ ...column, paint: style.bad }));
    fc.assert(
      fc.property(fc.array(fc.record({ name: fc.string({ unit: "grapheme" }), size: fc.string() })), (rows) => {
        const coloured = table(rows, painted, { ...options, style });
        assert.equal(stripVTControlCharacters(coloured), table(rows, columns, options));
      }),
    );
  });
});

test("fields have their values under each other, also those of several lines, and leave out what is not there", () => {
  const text = fields(
    [
      ["Id", "1"],
      ["Targets", "b\nc"],
      ["Schedule", undefined],
    ],
    plainStyle,
  );
  assert.equal(text, "Id       1\nTargets  b\n         c");
});

test("a line is cut to the columns there are, and not otherwise", () => {
  assert.equal(fitted("abcdef", 6), "abcdef");
  assert.equal(fitted("abcdefg", 6), "abcde…");
  assert.equal(fitted("数据库", 5), "数据…");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 40 }), (text, columnsMax) => {
      assert.ok(columnsOf(fitted(text, columnsMax)) <= columnsMax);
    }),
  );
});
