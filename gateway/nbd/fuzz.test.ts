import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { blocksOf, closed, MemoryExport, serving } from "./testing.ts";

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const junk = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
const length = fc.oneof(fc.nat(80), fc.constantFrom(16_384, 16_385, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1));
const optionKind = fc.oneof(fc.integer({ min: 1, max: 11 }), fc.nat(2 ** 32 - 1));

/** An option that is nearly right. */
const options = fc
  .tuple(optionKind, fc.option(length, { nil: undefined }), junk, fc.constantFrom("", "disk", "\0\0\0\x04disk\0\0"))
  .map(([kind, told, bytes, words]) => {
    const data = Buffer.concat([Buffer.from(words), words === "" ? bytes : Buffer.alloc(0)]);
    return Buffer.concat([Buffer.from("IHAVEOPT"), uint32(kind), uint32(told ?? data.length), data]);
  });

/** A request that is nearly right. */
const requests = fc
  .tuple(fc.nat(0xffff), fc.nat(12), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), length, junk, fc.boolean())
  .map(([flags, type, offset, bytes, payload, isNear]) => {
    const header = Buffer.alloc(28);
    header.writeUInt32BE(0x25609513, 0);
    header.writeUInt16BE(isNear ? 0 : flags, 4);
    header.writeUInt16BE(type, 6);
    header.writeBigUInt64BE(isNear ? offset % 200_000n : offset, 16);
    header.writeUInt32BE(bytes, 24);
    return Buffer.concat([header, payload]);
  });

const begin = Buffer.concat([
  uint32(3),
  Buffer.from("IHAVEOPT"),
  uint32(8),
  uint32(0),
  Buffer.from("IHAVEOPT"),
  uint32(7),
  uint32(6),
  Buffer.alloc(6),
]);

const conversations = fc.oneof(
  fc.array(junk, { maxLength: 4 }),
  fc.tuple(fc.constant(uint32(3)), fc.array(options, { maxLength: 8 })).map(([flags, all]) => [flags, ...all]),
  fc.tuple(fc.constant(begin), fc.array(requests, { maxLength: 8 })).map(([hello, all]) => [hello, ...all]),
  // One bit of a good beginning is another one.
  fc.nat(begin.length * 8 - 1).map((bit) => {
    const bytes = Buffer.from(begin);
    bytes.writeUInt8((bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
    return [bytes];
  }),
);

test("whatever a client sends, the server answers or ends, keeps nothing of it, and serves the next", async (context) => {
  const {
    nbd,
    socketPath,
    connect: connectWell,
  } = await serving(context, new MemoryExport(blocksOf("a.b"), { isWritable: true }));
  await fc.assert(
    fc.asyncProperty(conversations, async (sent) => {
      const socket = connect(socketPath);
      // The server may end it at any word.
      socket.on("error", () => undefined).resume();
      for (const bytes of sent) socket.write(bytes);
      socket.end();
      await closed(socket);
    }),
    { numRuns: 300 },
  );
  const client = await (await connectWell()).begin();
  assert.equal((await client.read(0, 3 * 65_536)).length, 3 * 65_536);
  assert.equal(nbd.connections, 1);
});
