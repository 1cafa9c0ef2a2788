import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pieceBytes, readAhead } from "./read-ahead.ts";
import { signal } from "./testing.ts";

const sizeBytes = 4 * pieceBytes + 512;

describe("readAhead", () => {
  test("gives the pieces in order while it reads one ahead, into two buffers and no more", async () => {
    let buffers = 0;
    const filled: number[] = [];
    const seen: number[][] = [];
    const pieces = readAhead({
      sizeBytes,
      signal,
      makeBuffers: () => ({ id: buffers++, holds: -1 }),
      fill: async (buffer, offset) => {
        buffer.holds = offset;
        filled.push(offset);
      },
    });
    for await (const { offset, length, buffers } of pieces) {
      assert.equal(buffers.holds, offset);
      seen.push([offset, length, filled.length]);
    }
    assert.equal(buffers, 2);
    assert.deepEqual(seen, [
      [0, pieceBytes, 2],
      [pieceBytes, pieceBytes, 3],
      [2 * pieceBytes, pieceBytes, 4],
      [3 * pieceBytes, pieceBytes, 5],
      [4 * pieceBytes, 512, 5],
    ]);
  });

  test("throws what a reading throws, when its turn comes", async () => {
    const seen: number[] = [];
    const pieces = readAhead({
      sizeBytes,
      signal,
      makeBuffers: () => ({}),
      fill: async (_, offset) => {
        if (offset === 2 * pieceBytes) throw new Error("a bad sector");
      },
    });
    await assert.rejects(async () => {
      for await (const { offset } of pieces) {
        seen.push(offset);
        // Turns of the event loop in which an unhandled rejection would end the process.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }, /a bad sector/);
    assert.deepEqual(seen, [0, pieceBytes]);
  });

  test("waits for the reading that is going on before the loop is left", async () => {
    let reading = 0;
    const pieces = readAhead({
      sizeBytes,
      signal,
      makeBuffers: () => ({}),
      fill: async () => {
        reading += 1;
        await new Promise((resolve) => setImmediate(resolve));
        reading -= 1;
      },
    });
    await assert.rejects(async () => {
      for await (const _ of pieces) {
        assert.equal(reading, 1);
        throw new Error("the disk is full");
      }
    }, /the disk is full/);
    assert.equal(reading, 0);
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    const pieces = readAhead({ sizeBytes, signal: stop.signal, makeBuffers: () => ({}), fill: async () => undefined });
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const { offset } of pieces) {
        seen.push(offset);
        stop.abort(new Error("enough"));
      }
    }, /enough/);
    assert.deepEqual(seen, [0]);
  });
});
