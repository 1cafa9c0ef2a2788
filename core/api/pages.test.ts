import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allItems, pagesOf } from "./pages.ts";

/** A list of so many numbers, two on a page. */
const list = (count: number) => {
  const cursors: (string | undefined)[] = [];
  const read = async (cursor: string | undefined) => {
    cursors.push(cursor);
    const from = Number(cursor ?? 0);
    const items = [from, from + 1].filter((item) => item < count);
    return { items, ...(from + 2 < count && { cursor: String(from + 2) }) };
  };
  return { cursors, read };
};

describe("a list that comes in pages", () => {
  test("is read to its end, each page from where the one before ended", async () => {
    const { cursors, read } = list(5);
    assert.deepEqual(await allItems(pagesOf(read)), [0, 1, 2, 3, 4]);
    assert.deepEqual(cursors, [undefined, "2", "4"]);
  });

  test("goes on from a cursor", async () => {
    assert.deepEqual(await allItems(pagesOf(list(5).read, "2")), [2, 3, 4]);
  });

  test("has one page where it is empty", async () => {
    const { cursors, read } = list(0);
    assert.deepEqual(await allItems(pagesOf(read)), []);
    assert.deepEqual(cursors, [undefined]);
  });

  test("is read no further than somebody looks", async () => {
    const { cursors, read } = list(100);
    for await (const { items } of pagesOf(read)) if (items.includes(3)) break;
    assert.deepEqual(cursors, [undefined, "2"]);
  });
});
