import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readAhead } from "./read-ahead.ts";
import { signal } from "./testing.ts";

const pieces = [0, 1, 2, 3, 4];

describe("readAhead", () => {
  test("gives the pieces in order while it reads one ahead, into two buffers and no more", async () => {
    let buffers = 0;
    const filled: number[] = [];
    const seen: number[][] = [];
    const read = readAhead({
      pieces,
      signal,
      makeBuffers: () => ({ id: buffers++, holds: -1 }),
      fill: async (buffer, piece) => {
        buffer.holds = piece;
        filled.push(piece);
      },
    });
    for await (const { piece, buffers } of read) {
      assert.equal(buffers.holds, piece);
      seen.push([piece, filled.length]);
    }
    assert.equal(buffers, 2);
    assert.deepEqual(seen, [
      [0, 2],
      [1, 3],
      [2, 4],
      [3, 5],
      [4, 5],
    ]);
  });

  test("throws what a reading throws, when its turn comes", async () => {
    const seen: number[] = [];
    const read = readAhead({
      pieces,
      signal,
      makeBuffers: () => ({}),
      fill: async (_, piece) => {
        if (piece === 2) throw new Error("a bad sector");
      },
    });
    await assert.rejects(async () => {
      for await (const { piece } of read) {
        seen.push(piece);
        // Turns of the event loop in which an unhandled rejection would end the process.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }, /a bad sector/);
    assert.deepEqual(seen, [0, 1]);
  });

  test("waits for the reading that is going on before the loop is left", async () => {
    let reading = 0;
    const read = readAhead({
      pieces,
      signal,
      makeBuffers: () => ({}),
      fill: async () => {
        reading += 1;
        await new Promise((resolve) => setImmediate(resolve));
        reading -= 1;
      },
    });
    await assert.rejects(async () => {
      for await (const _ of read) {
        assert.equal(reading, 1);
        throw new Error("the disk is full");
      }
    }, /the disk is full/);
    assert.equal(reading, 0);
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    const read = readAhead({ pieces, signal: stop.signal, makeBuffers: () => ({}), fill: async () => undefined });
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const { piece } of read) {
        seen.push(piece);
        stop.abort(new Error("enough"));
      }
    }, /enough/);
    assert.deepEqual(seen, [0]);
  });
});
