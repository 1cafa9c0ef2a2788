import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { pieceBytes } from "./limits.ts";
import { allocation, chunk, command, commandFlag, nbdError } from "./protocol.ts";
import { blockBytes, blocksOf, MemoryExport, serving } from "./testing.ts";

const mebibyte = 2 ** 20;

describe("reading an export", () => {
  test("gives its bytes, whatever the range is", async (context) => {
    const content = Buffer.concat([blocksOf("ab..c.d"), Buffer.from("an odd end")]);
    const { connect } = await serving(context, new MemoryExport(content));
    const client = await (await connect()).begin();
    for (const [offset, end] of [
      [0, content.length],
      [1, 2],
      [blockBytes - 1, 2 * blockBytes + 1],
      [content.length - 3, content.length],
    ] as const) {
      assert.deepEqual(await client.read(offset, end - offset), content.subarray(offset, end));
    }
  });

  test("tells of holes, which are neither read nor sent", async (context) => {
    const served = new MemoryExport(blocksOf("a...b"));
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin();
    client.request({ type: command.read, length: 5 * blockBytes });
    const chunks = await client.chunks();
    assert.deepEqual(
      chunks.map(({ type, data }) => [type, Number(data.readBigUInt64BE(0)) / blockBytes]),
      [
        [chunk.offsetData, 0],
        [chunk.offsetHole, 1],
        [chunk.offsetData, 4],
      ],
    );
    assert.equal(chunks[1]?.data.readUInt32BE(8), 3 * blockBytes);
    assert.equal(served.reads, 2);
  });

  test("gives one piece to a client that wants no fragments, and to one without structured replies", async (context) => {
    const content = blocksOf("ab.cdefghij.");
    const { connect } = await serving(context, new MemoryExport(content));
    const whole = await (await connect()).begin();
    whole.request({ type: command.read, flags: commandFlag.dontFragment, length: content.length });
    const [only, ...more] = await whole.chunks();
    assert.deepEqual([only?.type, more.length], [chunk.offsetData, 0]);
    assert.deepEqual(only?.data.subarray(8), content);
    const simple = await (await connect()).begin({ structured: false });
    simple.request({ type: command.read, length: content.length });
    assert.equal(await simple.simple(), 0);
    assert.deepEqual(await simple.incoming.read(content.length), content);
  });

  test("of what is damaged is an error that says so, and the connection lives on", async (context) => {
    const served = new MemoryExport(blocksOf("abcdefghijkl"));
    const damaged = new VisibleError("STORE_CORRUPT", "A block can't be read.", { hint: "Rebuild it." });
    served.onRead = async (offset, length) => {
      if (offset <= 11 * blockBytes && offset + length > 11 * blockBytes) throw damaged;
    };
    const { connect, log } = await serving(context, served);
    const structured = await (await connect()).begin();
    for (const flags of [0, commandFlag.dontFragment]) {
      structured.request({ type: command.read, flags, length: 12 * blockBytes });
      assert.deepEqual(await structured.error(), { code: nbdError.io, text: "A block can't be read. Rebuild it." });
    }
    const simple = await (await connect()).begin({ structured: false });
    simple.request({ type: command.read, length: 12 * blockBytes });
    assert.equal(await simple.simple(), nbdError.io);
    for (const client of [structured, simple]) client.request({ type: command.read, length: 3 });
    assert.equal((await structured.chunks())[0]?.type, chunk.offsetData);
    assert.deepEqual([await simple.simple(), (await simple.incoming.read(3)).toString()], [0, "aaa"]);
    assert.deepEqual(log.lines, ["requests to an export failed"], "once a minute");
  });

  test("that breaks off in the middle of an answer ends the connection: nobody takes the rest for data", async (context) => {
    const served = new MemoryExport(blocksOf("abcdefghijkl"));
    served.onRead = async (offset) => {
      if (offset === 2 * pieceBytes && served.reads > 3) throw new Error("gone since it was looked at");
    };
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin({ structured: false });
    client.request({ type: command.read, length: 12 * blockBytes });
    assert.equal(await client.simple(), 0);
    await client.incoming.read(2 * pieceBytes);
    await assert.rejects(client.incoming.read(4 * blockBytes));
  });

  test("of long answers at once gives one after the other, each whole", async (context) => {
    const content = blocksOf("abcdefghijkl");
    const served = new MemoryExport(content);
    served.onRead = () => new Promise((resolve) => setImmediate(resolve));
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin();
    const flags = commandFlag.dontFragment;
    for (const cookie of [1n, 2n, 3n]) client.request({ type: command.read, flags, cookie, length: content.length });
    for (const _ of "123") assert((await client.chunk()).data.subarray(8).equals(content));
  });

  test("is refused beyond the end, of nothing, and of more than 32 MiB, and goes on after that", async (context) => {
    const { connect } = await serving(context, new MemoryExport(Buffer.alloc(40 * mebibyte)));
    const client = await (await connect()).begin();
    const cases = [
      [{ offset: 40 * mebibyte, length: 1 }, nbdError.invalid],
      [{ offset: 40 * mebibyte - 1, length: 2 }, nbdError.invalid],
      [{ offset: 2n ** 64n - 1n, length: 2 }, nbdError.invalid],
      [{ length: 0 }, nbdError.invalid],
      [{ length: 32 * mebibyte + 1 }, nbdError.overflow],
      [{ length: 1, flags: 0x8000 }, nbdError.invalid],
    ] as const;
    for (const [range, code] of cases) {
      client.request({ type: command.read, ...range });
      assert.equal(
        (await client.error())?.code,
        code,
        JSON.stringify(range, (_, v) => String(v)),
      );
    }
    assert.deepEqual(await client.read(39 * mebibyte, mebibyte), Buffer.alloc(mebibyte));
  });

  test("is answered while a slower request waits", async (context) => {
    const served = new MemoryExport(blocksOf("ab"));
    const slow = Promise.withResolvers<void>();
    served.onRead = async (offset) => (offset === 0 ? slow.promise : undefined);
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin();
    client.request({ type: command.read, cookie: 1n, length: 1 });
    client.request({ type: command.read, cookie: 2n, offset: blockBytes, length: 1 });
    assert.equal((await client.chunk()).cookie, 2n);
    slow.resolve();
    assert.equal((await client.chunk()).cookie, 1n);
  });
});

describe("what is allocated", () => {
  const told = (data: Buffer) =>
    Array.from({ length: (data.length - 4) / 8 }, (_, at) => [
      data.readUInt32BE(4 + 8 * at) / blockBytes,
      data.readUInt32BE(8 + 8 * at),
    ]);
  const hole = allocation.hole | allocation.zero;

  test("is told stretch by stretch, or the first alone", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("aab..c.")));
    const client = await (await connect()).begin();
    const cases = [
      [
        0,
        [
          [3, 0],
          [2, hole],
          [1, 0],
          [1, hole],
        ],
      ],
      [commandFlag.reqOne, [[3, 0]]],
    ] as const;
    for (const [flags, stretches] of cases) {
      client.request({ type: command.blockStatus, flags, length: 7 * blockBytes });
      const [only] = await client.chunks();
      assert.equal(only?.type, chunk.blockStatus);
      assert.deepEqual(told(only.data), stretches);
    }
  });

  test("is refused to whoever has not asked for it in the handshake", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("a")));
    const client = await (await connect()).begin({ allocation: false });
    client.request({ type: command.blockStatus, length: 1 });
    assert.equal((await client.error())?.code, nbdError.invalid);
  });
});

describe("writing", () => {
  test("to what is read-only is refused, whatever the command", async (context) => {
    const served = new MemoryExport(blocksOf("a"));
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin();
    const payload = Buffer.from("xyz");
    client.request({ type: command.write, length: 3, payload });
    assert.equal((await client.error())?.code, nbdError.permission);
    for (const type of [command.trim, command.writeZeroes]) {
      client.request({ type, length: 3 });
      assert.equal((await client.error())?.code, nbdError.permission);
    }
    assert.deepEqual(await client.read(0, blockBytes), blocksOf("a"));
  });

  test("takes data, zeros and flushes, and refuses what lies beyond the end", async (context) => {
    const served = new MemoryExport(blocksOf("abcdef"), { isWritable: true });
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin();
    const payload = blocksOf("vwxyz");
    client.request({ type: command.write, flags: commandFlag.fua, offset: 10, length: payload.length, payload });
    assert.equal(await client.error(), undefined);
    client.request({ type: command.writeZeroes, flags: commandFlag.noHole, offset: blockBytes, length: blockBytes });
    assert.equal(await client.error(), undefined);
    client.request({ type: command.flush });
    assert.equal(await client.error(), undefined);
    client.request({ type: command.write, offset: 6 * blockBytes - 1, length: 2, payload: Buffer.alloc(2) });
    assert.equal((await client.error())?.code, nbdError.noSpace);
    const expected = blocksOf("abcdef");
    expected.set(payload, 10);
    expected.fill(0, blockBytes, 2 * blockBytes);
    assert.deepEqual(await client.read(0, expected.length), expected);
  });

  test("more than 32 MiB at once ends the connection, for there is no telling what comes behind it", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("a"), { isWritable: true }));
    const client = await (await connect()).begin();
    client.request({ type: command.write, length: 32 * mebibyte + 1 });
    await client.ended();
  });
});
