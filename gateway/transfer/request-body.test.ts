import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { requestBody } from "./request-body.ts";

const signal = new AbortController().signal;

describe("a request's body", () => {
  test("comes in larger pieces that nobody else has the memory of", async () => {
    const pieces = [10, 300_000, 1, 70_000, 256 * 1024].map((length) => randomBytes(length));
    const chunks: Uint8Array[] = [];
    for await (const chunk of requestBody(Readable.from(pieces, { objectMode: false }), signal)) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(Buffer.concat(pieces)));
    assert.deepEqual(
      chunks.map(({ length }) => length),
      [262_144, 262_144, 632_155 - 2 * 262_144],
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
    assert.ok(made <= 2 * 256 * 1024 + 4 * 65_536, `${made} bytes were read for 512 KiB`);
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
