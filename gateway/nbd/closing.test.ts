import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { usualLimits } from "./limits.ts";
import { command } from "./protocol.ts";
import { blockBytes, blocksOf, MemoryExport, serving } from "./testing.ts";

const mebibyte = 2 ** 20;

describe("closing a server", () => {
  test("lets what was asked for end, and takes nothing more", async (context) => {
    const served = new MemoryExport(blocksOf("ab"));
    const slow = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    served.onRead = () => {
      asked.resolve();
      return slow.promise;
    };
    const { connect, nbd } = await serving(context, served);
    const idle = await (await connect()).begin();
    const client = await (await connect()).begin();
    const reading = client.read(0, blockBytes);
    await asked.promise;
    const closing = nbd.close(10);
    await idle.ended();
    client.request({ type: command.read, length: 1 });
    slow.resolve();
    assert.deepEqual(await reading, blocksOf("a"));
    await closing;
    await client.ended();
    assert.equal(nbd.connections, 0);
    const late = await connect();
    await late.ended();
    assert.equal(late.socket.bytesRead, 0, "it was greeted");
  });

  test("waits no longer than it is told to for a client that takes nothing", async (context) => {
    const { connect, nbd } = await serving(context, new MemoryExport(Buffer.alloc(32 * mebibyte, 1)));
    const client = await (await connect()).begin();
    client.request({ type: command.read, length: 32 * mebibyte });
    await nbd.close(0.05);
    await client.ended();
    assert.ok(client.socket.bytesRead < 16 * mebibyte, "it was waited for");
  });
});

describe("a client that takes nothing", () => {
  test("is read for no more than it may have in flight, and keeps nobody else waiting", async (context) => {
    const served = new MemoryExport(Buffer.alloc(64 * mebibyte, 1));
    const { connect } = await serving(context, served);
    const client = await (await connect()).begin();
    for (let request = 0; request < 1000; request++) client.request({ type: command.read, length: 32 * mebibyte });
    const other = await (await connect()).begin();
    for (let at = 0; at < 64; at++) {
      assert.deepEqual(await other.read(at * mebibyte, blockBytes), Buffer.alloc(blockBytes, 1));
    }
    // What the kernel holds for it was taken from those, piece by piece.
    assert.ok(served.reads - 64 <= 2 * usualLimits.requestsInFlight, `${served.reads - 64} pieces were read for it`);
    client.socket.destroy();
  });
});
