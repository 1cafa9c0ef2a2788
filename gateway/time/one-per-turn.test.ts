import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { OnePerTurn } from "./one-per-turn.ts";

test("what comes at once is begun in order, each in a turn of the event loop of its own", async () => {
  const turns = new OnePerTurn();
  const begun: number[] = [];
  turns.enter(() => {
    begun.push(0);
    turns.enter(() => begun.push(3));
  });
  for (const one of [1, 2]) turns.enter(() => begun.push(one));
  for (let count = 0; count <= 4; count++) {
    assert.deepEqual(begun, [0, 1, 2, 3].slice(0, count));
    await turn();
  }
});
