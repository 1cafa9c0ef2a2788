import assert from "node:assert/strict";
import { test } from "node:test";
import { planIdSchema } from "../../core/api/ids.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import { pastNameKey, planNameKey } from "../documents/records.ts";
import { createMemoryStore } from "../memory/store.ts";
import { readAcrossPlans } from "./across-plans.ts";

const idOf = (number: number) => planIdSchema.parse(`plan_${number.toString().padStart(26, "0")}`);

/** Plans by name, each with so many items; those whose names begin with `x` were deleted. */
const storeOf = async (counts: Readonly<Record<string, number>>) => {
  const store = createMemoryStore();
  await store.putAll(
    Object.keys(counts).map((name, number) => {
      const planId = idOf(number);
      return { key: name.startsWith("x") ? pastNameKey(name, planId) : planNameKey(name), body: { planId } };
    }),
  );
  const read = async ({ name }: { name: string }, { limit, cursor = "0" }: PageRequest): Promise<Page<string>> => {
    const all = Array.from({ length: counts[name] ?? 0 }, (_, item) => `${name}${item}`);
    const end = Number(cursor) + limit;
    return { items: all.slice(Number(cursor), end), ...(end < all.length && { cursor: String(end) }) };
  };
  return { store, read };
};

const whole = async (counts: Readonly<Record<string, number>>, limit: number) => {
  const { store, read } = await storeOf(counts);
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page: Page<string> = await readAcrossPlans({ store }, { limit, cursor }, read);
    assert.ok(page.items.length <= limit);
    pages.push(page.items);
    ({ cursor } = page);
    assert.ok(pages.length < 100, "it never ends");
  } while (cursor !== undefined);
  return pages;
};

const itemsOf = (counts: Readonly<Record<string, number>>) =>
  Object.keys(counts).flatMap((name) => Array.from({ length: counts[name] ?? 0 }, (_, item) => `${name}${item}`));

test("all plans come one after the other, those that were deleted last, whatever the size of a page", async () => {
  const counts = { a: 3, b: 0, c: 7, d: 1, xa: 2, xb: 0 };
  for (const limit of [1, 2, 3, 5, 100]) {
    const pages = await whole(counts, limit);
    assert.deepEqual(pages.flat(), itemsOf(counts), `pages of ${limit}`);
  }
});

test("a page of plans that have nothing is empty and short, and says where the list goes on", async () => {
  const counts = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`p${n.toString().padStart(3, "0")}`, 0]));
  const pages = await whole({ ...counts, p119: 1 }, 10);
  assert.deepEqual([pages.length, pages.flat()], [3, ["p1190"]]);
});

test("a cursor of another list is refused", async () => {
  const { store, read } = await storeOf({ a: 1 });
  for (const cursor of ["", "x", "-.-", "~", "a~b~c", "!~-"]) {
    await assert.rejects(readAcrossPlans({ store }, { limit: 1, cursor }, read), { code: "BAD_REQUEST" }, cursor);
  }
});
