import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { allOf } from "./all-of.ts";

test("what is done at once has all ended when one of it is told to have failed", async () => {
  const slow = Promise.withResolvers<number>();
  let isOver = false;
  const all = allOf([slow.promise, Promise.reject(new Error("it failed"))]).catch((error: unknown) => {
    isOver = true;
    return error;
  });
  await setImmediate();
  assert.equal(isOver, false);
  slow.resolve(1);
  assert.match(String(await all), /it failed/);
});

test("the first in the list says why, whichever failed first", async () => {
  const slow = Promise.withResolvers<number>();
  const all = allOf([slow.promise, Promise.reject(new Error("the second"))]);
  slow.reject(new Error("the first"));
  await assert.rejects(all, /the first/);
  assert.deepEqual(await allOf([Promise.resolve(1), Promise.resolve("two")]), [1, "two"]);
});
