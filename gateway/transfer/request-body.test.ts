import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { requestBody } from "./request-body.ts";
import { chunkBytes } from "./threads/chunk-buffers.ts";

const signal = new AbortController().signal;

describe("a request's body", () => {
  test("comes in larger pieces that nobody else has the memory of", async () => {
    const pieces = [10, chunkBytes + 40_000, 1, 70_000, chunkBytes].map((length) => randomBytes(length));
    const whole = Buffer.concat(pieces);
    const chunks: Uint8Array[] = [];
    for await (const chunk of requestBody(Readable.from(pieces, { objectMode: false }), signal)) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(whole));
    assert.deepEqual(
      chunks.map(({ length }) => length),
      [chunkBytes, chunkBytes, whole.length - 2 * chunkBytes],
    );
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, chunks.length);
  });

  test("is read only as far as somebody wants it", async () => {
    let made = 0;
    const endless = new Readable({
      read() {
        made += 16_384;
        this.push(Buffer.alloc(16_384));
      },
    });
    const body = requestBody(endless, signal);
    await body.next();
    await body.next();
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    assert.ok(made <= 2 * chunkBytes + 4 * 65_536, `${made} bytes were read for ${2 * chunkBytes}`);
    await body.return();
    endless.destroy();
  });

  test("that breaks off is a broken link", async () => {
    const broken = new Readable({ read: () => undefined });
    const body = requestBody(broken, signal).next();
    broken.destroy(new Error("reset"));
    broken.on("error", () => undefined);
    await assert.rejects(body, (error: unknown) => VisibleError.is(error, "LINK_BROKEN"));
  });

  test("is given up at once when nobody wants it any more, and stays readable for others", async () => {
    const stop = new AbortController();
    const waiting = new Readable({ read: () => undefined });
    const body = requestBody(waiting, stop.signal).next();
    stop.abort(new Error("enough"));
    await assert.rejects(body, /enough/);
    assert.equal(waiting.destroyed, false);
    assert.deepEqual(
      waiting
        .eventNames()
        .filter((name) => waiting.listenerCount(name) > 0)
        .includes("data"),
      false,
    );
  });
});
