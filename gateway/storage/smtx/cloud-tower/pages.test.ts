import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { TowerQueries } from "./asking.ts";
import { allPages } from "./pages.ts";
import { type ScriptedRequest, scriptedTower } from "./testing.ts";

const schema = z.object({ id: z.string() });
const idOf = (number: number): string => `id-${String(number).padStart(6, "0")}`;
const rowsOf = (numbers: Iterable<number>) => [...new Set(numbers)].sort((a, b) => a - b).map((n) => ({ id: idOf(n) }));
const range = (count: number) => Array.from({ length: count }, (_, index) => index * 10);

interface Page {
  readonly skip: number;
  readonly first: number;
}
const pageOf = <T>(rows: readonly T[], { skip, first }: Page): readonly T[] => rows.slice(skip, skip + first);

describe("all that CloudTower lists", () => {
  test("is asked for in order of ids, a page at a time, each beginning with what the last one ended with", async (t) => {
    const rows = rowsOf(range(450));
    const { tower, requests } = await scriptedTower(t, {
      "get-vms": ({ body }) => pageOf(rows, body as unknown as Page),
    });
    const found = await tower.all("get-vms", { where: { internal: false } }, schema);
    assert.deepEqual(found, rows);
    const asked = requests.filter(({ operation }) => operation === "get-vms").map(({ body }) => body);
    assert.deepEqual(
      asked.map(({ where, orderBy, skip, first }) => [where, orderBy, skip, first]),
      [0, 199, 399, 449].map((skip) => [{ internal: false }, "id_ASC", skip, skip === 0 ? 200 : 201]),
    );
  });

  test("is whole when pages are shorter than was asked for", async (t) => {
    const rows = rowsOf(range(45));
    const { tower } = await scriptedTower(t, {
      "get-vms": ({ body }) => pageOf(rows, { ...(body as unknown as Page), first: 20 }),
    });
    assert.deepEqual(await tower.all("get-vms", {}, schema), rows);
  });

  test("goes on with another token when that is over in the middle", async (t) => {
    const rows = rowsOf(range(700));
    const over = new Set<string | undefined>();
    const page = ({ body, token }: ScriptedRequest) => {
      const { skip } = body as unknown as Page;
      if (skip > 150 && !over.has(token)) {
        over.add(token);
        return { status: 401, json: { message: "token expired" } };
      }
      return pageOf(rows, body as unknown as Page);
    };
    const { tower, count } = await scriptedTower(t, {
      "get-vms": (request, nth) => (nth % 2 === 0 ? page(request) : pageOf(rows, request.body as unknown as Page)),
    });
    assert.deepEqual(await tower.all("get-vms", {}, schema), rows);
    assert.ok(count("login") > 1, "no token was over");
  });

  test("has what is there all the while, once, whatever comes and goes between the pages", async () => {
    const change = fc.record({ at: fc.nat({ max: 900 }), isThere: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat({ max: 900 }), { maxLength: 600 }),
        fc.array(change, { maxLength: 12 }),
        async (start, changes) => {
          const there = new Set(start);
          const stayed = new Set(start);
          const left = [...changes];
          const tower: TowerQueries = {
            query: async (_, body, answer) => {
              const found = answer.parse(pageOf(rowsOf(there), body as Page));
              const next = left.pop();
              if (next?.isThere === true) there.add(next.at);
              if (next?.isThere === false && there.delete(next.at)) stayed.delete(next.at);
              return found;
            },
          };
          const found = await allPages({ tower, operation: "get-vms", body: {}, schema }).catch((error: unknown) => {
            assert.ok(VisibleError.is(error, "CLUSTER_BUSY"));
            return undefined;
          });
          if (found === undefined) return;
          const ids = found.map(({ id }) => id);
          assert.deepEqual(ids, [...new Set(ids)].sort());
          for (const { id } of rowsOf(stayed)) assert.ok(ids.includes(id), `${id} is missing`);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("ends as busy where rows move each time", async () => {
    let shift = 0;
    const tower: TowerQueries = {
      query: async (_, body, answer) =>
        answer.parse(pageOf(rowsOf(range(300)), { ...(body as Page), skip: (body as Page).skip + (shift++ % 2) })),
    };
    const busy = allPages({ tower, operation: "get-vms", body: {}, schema });
    await assert.rejects(busy, (error) => VisibleError.is(error, "CLUSTER_BUSY"));
  });

  test("ends where there is no end", async () => {
    let next = 0;
    const tower: TowerQueries = {
      query: async (_, body, answer) => {
        const from = Math.max(0, next - 1);
        next = from + (body as Page).first;
        return answer.parse(Array.from({ length: next - from }, (__, index) => ({ id: `${from + index}` })));
      },
    };
    await assert.rejects(allPages({ tower, operation: "get-vms", body: {}, schema }), /more than 200000 rows/);
  });
});
