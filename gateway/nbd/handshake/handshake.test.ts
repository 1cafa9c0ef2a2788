import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { optionBytesMax, skippedBytesMax } from "../limits.ts";
import { allocationContext, command, info, option, optionReply, transmissionFlag } from "../protocol.ts";
import { blocksOf, MemoryExport, type NbdClient, serving } from "../testing.ts";

const types = (answers: readonly { readonly type: number }[]) => answers.map(({ type }) => type);

describe("a handshake", () => {
  test("tells what there is, and of each how large it is and what may be done", async (context) => {
    const exports = [
      new MemoryExport(blocksOf("ab"), { name: "one" }),
      new MemoryExport(blocksOf("a"), { name: "zwei" }),
    ];
    const { connect } = await serving(context, exports);
    const client = await connect();
    assert.equal(await client.greet(), 3, "fixed newstyle, no zeroes");
    const listed = await client.option(option.list);
    assert.deepEqual(types(listed), [optionReply.server, optionReply.server, optionReply.ack]);
    assert.deepEqual(
      listed.slice(0, 2).map(({ data }) => data.toString("utf8", 4)),
      ["one", "zwei"],
    );
    const answers = await client.describe(option.info, "zwei", [info.name, info.description]);
    assert.deepEqual(
      answers.map(({ data }) => (data.length < 2 ? undefined : data.readUInt16BE(0))),
      [info.export, info.blockSize, info.name, info.description, undefined],
    );
    const [of, sizes, name] = answers;
    assert.equal(of?.data.readBigUInt64BE(2), 65_536n);
    const { hasFlags, readOnly, canMultiConn } = transmissionFlag;
    assert.equal(of?.data.readUInt16BE(10), hasFlags | readOnly | canMultiConn);
    assert.deepEqual(
      [2, 6, 10].map((at) => sizes?.data.readUInt32BE(at)),
      [1, 65_536, 32 * 2 ** 20],
    );
    assert.equal(name?.data.toString("utf8", 2), "zwei");
  });

  test("serves the first export to whoever names none, and refuses a name that there is not", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("a"), { name: "one" }));
    const client = await connect();
    await client.greet();
    for (const kind of [option.info, option.go]) {
      assert.deepEqual(types(await client.describe(kind, "two")), [optionReply.unknown]);
    }
    assert.equal((await client.describe(option.go, "")).at(-1)?.type, optionReply.ack);
  });

  test("of an old client goes on at once, with zeroes where it wants them, or ends", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("a"), { isWritable: true }));
    for (const [flags, zeroes] of [
      [1, 124],
      [3, 0],
    ] as const) {
      const client = await connect();
      await client.greet(flags);
      client.send(Buffer.from("49484156454f505400000001000000046469736b", "hex"));
      const answer = await client.incoming.read(10 + zeroes);
      assert.equal(answer.readBigUInt64BE(0), 65_536n);
      client.request({ type: command.read, length: 1 });
      assert.equal(await client.simple(), 0);
      assert.equal((await client.incoming.read(1)).toString(), "a");
    }
    const stranger = await connect();
    await stranger.greet();
    stranger.send(Buffer.from("49484156454f50540000000100000003626164", "hex"));
    await stranger.ended();
  });

  test("lists metadata contexts, and sets the one that there is, for the export that it was asked of", async (context) => {
    const exports = ["one", "two"].map((name) => new MemoryExport(blocksOf("a"), { name }));
    const { connect } = await serving(context, exports);
    const client = await connect();
    await client.greet();
    assert.deepEqual(types(await client.contexts(option.setMetaContext, [allocationContext])), [optionReply.invalid]);
    await client.option(option.structuredReply);
    for (const queries of [[], ["base:"], ["x:y", allocationContext]]) {
      const [context, end] = await client.contexts(option.listMetaContext, queries);
      assert.deepEqual([context?.type, end?.type], [optionReply.metaContext, optionReply.ack]);
      assert.equal(context?.data.toString("utf8", 4), allocationContext);
    }
    for (const queries of [[], ["base:"], ["qemu:dirty-bitmap:x"]]) {
      assert.deepEqual(types(await client.contexts(option.setMetaContext, queries)), [optionReply.ack]);
    }
    assert.deepEqual(types(await client.contexts(option.setMetaContext, [allocationContext], "no")), [
      optionReply.unknown,
    ]);
    assert.equal((await client.contexts(option.setMetaContext, [allocationContext], "one")).length, 2);
    await client.describe(option.go, "two");
    client.request({ type: command.blockStatus, length: 1 });
    assert.notEqual(await client.error(), undefined, "it was asked of another export");
  });

  test("goes on after options that nobody knows, that are cut, and that are too long", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("a")));
    const client = await connect();
    await client.greet();
    assert.deepEqual(types(await client.option(99)), [optionReply.unsupported]);
    assert.deepEqual(types(await client.option(option.startTls)), [optionReply.unsupported]);
    for (const kind of [option.list, option.structuredReply, option.go, option.setMetaContext]) {
      assert.deepEqual(types(await client.option(kind, "\0\0\0\u{7f}x")), [optionReply.invalid], `${kind}`);
    }
    assert.deepEqual(types(await client.option(option.go, "\0\0\0\0\0\x05\0\0")), [optionReply.invalid]);
    assert.deepEqual(types(await client.option(option.go, Buffer.alloc(optionBytesMax + 1))), [optionReply.tooBig]);
    assert.deepEqual(types(await client.option(option.abort)), [optionReply.ack]);
    await client.ended();
  });

  test("ends where it can't be understood", async (context) => {
    const { connect, log } = await serving(context, new MemoryExport(blocksOf("a")));
    const greeted = async (flags?: number) => {
      const client = await connect();
      await client.greet(flags);
      return client;
    };
    await (await greeted(4)).ended();
    const nonsense = await greeted();
    nonsense.send(Buffer.alloc(16, "GET / HTTP/1.1\r\n"));
    await nonsense.ended();
    const endless = await greeted();
    const header = Buffer.from("49484156454f5054000000070000000000", "hex").subarray(0, 16);
    header.writeUInt32BE(skippedBytesMax + 1, 12);
    endless.send(header);
    await endless.ended();
    const request = await (await connect()).begin();
    request.send(Buffer.alloc(28));
    await request.ended();
    assert.deepEqual(log.lines, ["clients of an export were sent away"], "one line a minute for all of them");
  });

  test("of endless options ends", async (context) => {
    const { connect } = await serving(context, new MemoryExport(blocksOf("a")));
    const client = await connect();
    await client.greet();
    await assert.rejects(async () => {
      for (let times = 0; times < 300; times++) await client.option(option.list);
    });
  });

  test("that takes too long ends, and one that is the oldest of too many", async (context) => {
    const served = new MemoryExport(blocksOf("a"));
    const slow = await serving(context, served, { limits: { handshakeSeconds: 0.05 } });
    await (await slow.connect()).ended();
    const few = await serving(context, served, { limits: { handshakes: 2 } });
    const clients: NbdClient[] = [];
    for (const _ of "abc") {
      clients.push(await few.connect());
      await clients.at(-1)?.greet();
    }
    await clients[0]?.ended();
    for (const client of clients.slice(1)) assert.equal((await client.describe()).at(-1)?.type, optionReply.ack);
  });

  test("ends in words when there are as many connections as there may be, until one goes", async (context) => {
    const { connect, nbd } = await serving(context, new MemoryExport(blocksOf("a")), { limits: { connections: 1 } });
    const first = await (await connect()).begin();
    const second = await connect();
    await second.greet();
    assert.deepEqual(types(await second.describe()), [optionReply.policy]);
    assert.equal(nbd.connections, 1);
    first.request({ type: command.disconnect });
    await first.ended();
    const third = await connect();
    await third.greet();
    assert.equal((await third.describe()).at(-1)?.type, optionReply.ack);
  });
});
