import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { filledPage, type PageRequest } from "./page.ts";

/** Of the numbers up to `end` only the even ones are wanted. */
const evenBelow = (end: number) => {
  const requests: PageRequest[] = [];
  const read = async (request: PageRequest) => {
    requests.push(request);
    const from = Number(request.cursor ?? 0);
    const next = Math.min(end, from + request.limit);
    const all = Array.from({ length: next - from }, (_, place) => from + place);
    const items = all.filter((item) => item % 2 === 0);
    return { items, unreadable: 1, ...(next < end && { cursor: String(next) }) };
  };
  return { requests, read };
};

describe("a page of what is wanted among other things", () => {
  test("is full, though there is less on each page that is read", async () => {
    const { requests, read } = evenBelow(100);
    assert.deepEqual(await filledPage({ limit: 4 }, 10, read), { items: [0, 2, 4, 6], cursor: "7", unreadable: 3 });
    assert.deepEqual(requests, [
      { limit: 4, cursor: undefined },
      { limit: 2, cursor: "4" },
      { limit: 1, cursor: "6" },
    ]);
  });

  test("is short after so many reads, and goes on from there", async () => {
    const { read } = evenBelow(100);
    assert.deepEqual(await filledPage({ limit: 4, cursor: "10" }, 1, read), {
      items: [10, 12],
      cursor: "14",
      unreadable: 1,
    });
  });

  test("is the last where the list is at its end", async () => {
    assert.deepEqual(await filledPage({ limit: 4 }, 10, evenBelow(3).read), { items: [0, 2], unreadable: 1 });
  });
});
