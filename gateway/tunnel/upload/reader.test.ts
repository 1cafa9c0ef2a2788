import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import { lengthOf, record, signal } from "../testing.ts";
import { chunkBytes, giveChunkBuffer, takeChunkBuffer } from "./chunk-buffers.ts";
import { UploadReader } from "./reader.ts";

const end = lengthOf(0);
const begin = (path: string): Buffer => record(Buffer.from(path));
const collect = async (body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
};

describe("what comes over an upload connection", () => {
  test("comes in larger pieces that nobody else has the memory of", async () => {
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    const pieces = [10, chunkBytes + 40_000, 1, 70_000, chunkBytes].map((length) => randomBytes(length));
    const whole = Buffer.concat(pieces);
    socket.write(Buffer.concat([begin("/x"), ...pieces.map(record), end]));
    assert.equal(await reader.next(), "/x");
    const chunks = await collect(reader.body(signal));
    assert.ok(Buffer.concat(chunks).equals(whole));
    assert.deepEqual(
      chunks.map(({ length }) => length),
      [chunkBytes, chunkBytes, whole.length - 2 * chunkBytes],
    );
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, chunks.length);
    assert.equal(reader.isComplete, true);
  });

  test("takes no buffer where nobody wants it", async () => {
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    socket.write(Buffer.concat([begin("/x"), record(Buffer.alloc(1000)), lengthOf(chunkBytes), Buffer.alloc(1000)]));
    await reader.next();
    const idle = new ArrayBuffer(chunkBytes);
    giveChunkBuffer(idle);
    const skipped = reader.skip(signal);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(takeChunkBuffer().buffer, idle);
    socket.destroy();
    await assert.rejects(skipped);
  });

  test("comes as it was sent where that is large", async () => {
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    const pieces = [14, 8, 16, 14, 2, 7].map((parts) => randomBytes((parts * chunkBytes) / 16));
    socket.write(Buffer.concat([begin("/x"), ...pieces.map(record), end]));
    await reader.next();
    const [first, second, third, fourth, ...last] = pieces;
    assert.deepEqual(await collect(reader.body(signal)), [first, second, third, fourth, Buffer.concat(last)]);
  });

  test("is the same wherever the stream is split", async () => {
    const upload = fc.record({
      path: fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }),
      records: fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }),
    });
    const splits = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(fc.array(upload, { minLength: 1, maxLength: 3 }), splits, async (sent, lengths) => {
        const socket = new PassThrough();
        const reader = new UploadReader(socket);
        const whole = sent.flatMap(({ path, records }) => [begin(path), ...records.map(record), end]);
        const bytes = Buffer.concat(whole);
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const length = lengths[turn % lengths.length] ?? 1;
          socket.write(bytes.subarray(at, at + length));
          at += length;
        }
        for (const { path, records } of sent) {
          assert.equal(await reader.next(), path);
          const body = Buffer.concat(await collect(reader.body(signal)));
          assert.ok(body.equals(Buffer.concat(records)));
        }
        socket.end();
        assert.equal(await reader.next(), undefined);
      }),
    );
  });

  test("is read only as far as somebody wants it", async () => {
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    socket.write(begin("/x"));
    let written = 0;
    const stop = new AbortController();
    const writing = (async () => {
      while (!stop.signal.aborted) {
        written += 16_384;
        if (!socket.write(record(Buffer.alloc(16_384)))) await new Promise((resolve) => socket.once("drain", resolve));
      }
    })();
    await reader.next();
    const body = reader.body(signal);
    await body.next();
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    // One was taken, one waits, and the rest is in the stream.
    const read = `${written} bytes were read for ${chunkBytes}`;
    assert.ok(written >= 2 * chunkBytes && written <= 2 * chunkBytes + 4 * 65_536, read);
    for (let chunks = 0; chunks < 10; chunks++) assert.equal((await body.next()).value?.length, chunkBytes);
    stop.abort();
    await body.return();
    socket.resume();
    await writing;
    socket.destroy();
  });

  test("that breaks off is a broken link, in a body and nowhere else", async () => {
    for (const how of ["end", "destroy"] as const) {
      const socket = new PassThrough();
      const reader = new UploadReader(socket);
      socket.write(Buffer.concat([begin("/x"), record(Buffer.alloc(10))]));
      await reader.next();
      const body = reader.body(signal).next();
      socket[how]();
      await assert.rejects(body, (error: unknown) => VisibleError.is(error, "LINK_BROKEN"));
      assert.equal(reader.isComplete, false);
      assert.equal(await reader.next(), undefined);
    }
  });

  test("is left in the socket until somebody wants it", async () => {
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    const uploads = ["/x", "/y"].flatMap((path) => [begin(path), record(Buffer.alloc(1000)), end]);
    socket.write(Buffer.concat(uploads));
    assert.equal(await reader.next(), "/x");
    assert.equal(reader.bytesRead, 6, "the body is not looked at");
    await reader.skip(signal);
    assert.deepEqual([reader.isComplete, reader.bytesRead], [true, 6 + 1004 + 4]);
    assert.equal(await reader.next(), "/y");
    // Whoever took the body before comes back late, and disturbs nobody.
    const first = reader.body(signal);
    const second = collect(reader.body(signal));
    await first.return();
    assert.equal(Buffer.concat(await second).length, 1000);
  });

  test("is not taken for a part of the next upload when nobody wanted all of it", async () => {
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    const given = [begin("/x"), record(Buffer.alloc(chunkBytes + 10, 1)), end];
    socket.write(Buffer.concat([...given, begin("/y"), record(Buffer.alloc(10, 2)), end]));
    await reader.next();
    const body = reader.body(signal);
    await body.next();
    await body.return();
    assert.equal(reader.isComplete, true, "all of it has come");
    assert.equal(await reader.next(), "/y");
    assert.deepEqual(Buffer.concat(await collect(reader.body(signal))), Buffer.alloc(10, 2));
  });

  test("that may not be said ends the connection", async () => {
    for (const bytes of [end, begin("x".repeat(4097))]) {
      const socket = new PassThrough();
      const reader = new UploadReader(socket);
      socket.write(bytes);
      assert.equal(await reader.next(), undefined);
      assert.match(String(socket.errored), /breaks the upload protocol/);
    }
  });

  test("is given up at once when nobody wants it any more", async () => {
    const stop = new AbortController();
    const socket = new PassThrough();
    const reader = new UploadReader(socket);
    socket.write(begin("/x"));
    await reader.next();
    const body = reader.body(stop.signal).next();
    stop.abort(new Error("enough"));
    await assert.rejects(body, /enough/);
    assert.equal(socket.destroyed, false);
  });
});
