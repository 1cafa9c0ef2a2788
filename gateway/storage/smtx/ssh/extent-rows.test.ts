import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../../core/api/errors.ts";
import { extentsMax } from "../../../../core/api/object/volume-shape.ts";
import { type ExtentEntry, ExtentRows } from "./extent-rows.ts";
import { extentTokens } from "./extent-table.ts";

const rowsOf = (text: string, chunkBytes = Number.POSITIVE_INFINITY): readonly ExtentEntry[] => {
  const [rows, bytes] = [new ExtentRows(), Buffer.from(text)];
  for (let at = 0; at < bytes.length; at += chunkBytes) rows.push(bytes.subarray(at, at + chunkBytes));
  return rows.end();
};
const refusal = (text: string): string => {
  try {
    rowsOf(text);
  } catch (error) {
    assert.ok(VisibleError.is(error, "CLUSTER_TASK_FAILED"));
    assert.equal(error.retryable, false);
    return error.message;
  }
  return assert.fail("it was taken");
};

const entryArbitrary = fc.record(
  {
    id: fc.nat().map(String),
    epoch: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    everExist: fc.boolean(),
    origin: fc.option(fc.integer({ min: 1 }).map(String), { nil: undefined }),
  },
  { noNullPrototype: true },
);

/** In the words of several versions. */
const printed: readonly ((entry: ExtentEntry) => object)[] = [
  ({ id, epoch, everExist, origin }: ExtentEntry) => ({
    id: Number(id),
    epoch,
    ever_exist: everExist,
    origin_id: Number(origin ?? 0),
  }),
  ({ id, epoch, everExist, origin }: ExtentEntry) => ({
    ...{ "Logical ID": id, Replica: [1, 2], "Ever Exist": everExist ? "True" : "False" },
    ...{ "Origin LExtent": origin ?? "None", "Logical Epoch": epoch },
  }),
];

describe("an extent table as a cluster prints it", () => {
  test("is understood whatever document it is in, however it comes in pieces", () => {
    const documents = [
      (rows: readonly object[]) => JSON.stringify(rows),
      (rows: readonly object[]) =>
        JSON.stringify({ volume: { id: 'a {"b } c\\', size: 1 }, lextents: rows }, undefined, 2),
      (rows: readonly object[]) =>
        `${JSON.stringify({ ID: "96b2", Name: "}{", "Stripe Num": 4 })}\n${JSON.stringify(rows)}\n`,
    ];
    fc.assert(
      fc.property(
        fc.array(entryArbitrary, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(...documents),
        fc.constantFrom(...printed),
        fc.integer({ min: 1, max: 70 }),
        (entries, document, print, chunkBytes) => {
          assert.deepEqual(rowsOf(document(entries.map(print)), chunkBytes), entries);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of 64 TiB is taken whole, and no longer one", () => {
    const row = '{"id":4711,"epoch":123456789,"ever_exist":true,"origin_id":0}';
    const text = `[${Array(extentsMax).fill(row).join(",")}]`;
    assert.equal(rowsOf(text, 65_536).length, extentsMax);
    assert.match(refusal(`[${text},${row}]`), /more than 262144 rows/);
  });

  test("in a form that is not known is refused, with what is not known of it", () => {
    const row = { id: 1, epoch: 2, ever_exist: true };
    const refused: readonly (readonly [unknown, RegExp])[] = [
      [[{ ...row, ever_exist: undefined }], /do not say what ever existed/],
      [[{ ...row, ever_exist: 3 }], /neither that it ever existed/],
      [[{ ...row, epoch: 1.5 }], /no whole number/],
      [[{ ...row, id: -1 }], /no whole number/],
      [[{ ...row, epoch: 2 ** 60 }], /no whole number/],
      [[{ ...row, origin: "x" }], /no whole number/],
      [[], /has no row/],
      [[{ ...row, more: "x".repeat(100_000) }], /too long/],
    ];
    for (const [value, why] of refused) assert.match(refusal(JSON.stringify(value)), why);
    assert.match(refusal(JSON.stringify([row]).slice(0, -3)), /ends in the middle/);
    assert.match(refusal("[{id: 1}]"), /no JSON/);
  });

  test("that is damaged ends as a table or as an error, never as something else", () => {
    const text = JSON.stringify(
      Array.from({ length: 30 }, (_, index) => ({ id: index, epoch: index, ever_exist: true })),
    );
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const damaged = Buffer.from(text);
        damaged[at] = byte;
        try {
          const rows = new ExtentRows();
          rows.push(damaged);
          for (const { id, epoch } of rows.end()) assert.match(`${id} ${epoch}`, /^\d+ \d+$/);
        } catch (error) {
          assert.ok(VisibleError.is(error, "CLUSTER_TASK_FAILED"));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("the tokens of an extent table", () => {
  const entry = { id: "7", epoch: "9", everExist: true, origin: undefined };

  test("are the pair of id and epoch, for ids are used again", () => {
    const other = { ...entry, epoch: "10" };
    const [one, same, another] = extentTokens([entry, { ...entry }, other]);
    assert.equal(one, same);
    assert.notEqual(one, another);
    assert.notEqual(
      extentTokens([{ ...entry, id: "71", epoch: "1" }])[0],
      extentTokens([{ ...entry, id: "7", epoch: "11" }])[0],
    );
  });

  test("say a hole where nothing ever existed, unless it reads through to something", () => {
    const never = { ...entry, everExist: false };
    const [hole, through] = extentTokens([never, { ...never, origin: "3" }]);
    assert.equal(hole, null);
    assert.ok(typeof through === "string");
  });
});
