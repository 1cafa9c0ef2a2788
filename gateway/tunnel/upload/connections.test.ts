import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, test } from "node:test";
import { hangMs } from "../../../test/patience.ts";
import { Liveness } from "../liveness.ts";
import type { UploadConnection } from "./connection.ts";
import { UploadConnections } from "./connections.ts";

const { signal } = new AbortController();
const timeouts = { stallSeconds: hangMs / 1000, silenceSeconds: hangMs / 1000, answerSeconds: hangMs / 1000 };

/** A peer that answers whatever is written to it. */
class Peer extends Duplex {
  answer = '"done"\n';
  override _read(): void {
    // What it says is pushed when there is something to say.
  }
  override _write(chunk: Buffer, _encoding: string, written: () => void): void {
    written();
    if (chunk.equals(Buffer.alloc(4))) this.push(this.answer);
  }
}

describe("the upload connections to an endpoint", () => {
  const open = () => {
    const peers: Peer[] = [];
    const connections = new UploadConnections(async () => {
      const peer = new Peer();
      peers.push(peer);
      return peer;
    });
    return { peers, connections };
  };
  const send = async (connection: UploadConnection): Promise<string> => {
    const alive = new Liveness("the test's", timeouts);
    const body = (async function* () {
      yield Buffer.alloc(10);
    })();
    try {
      return await connection.send({ path: "/x", body }, alive, timeouts);
    } finally {
      alive.ended();
    }
  };

  test("are used again, and another one is opened only while they are in use", async () => {
    const { peers, connections } = open();
    const first = await connections.take(signal);
    assert.equal(await send(first), '"done"');
    connections.give(first);
    assert.equal(await connections.take(signal), first);
    const second = await connections.take(signal);
    assert.notEqual(second, first);
    assert.equal(peers.length, 2);
    connections.destroy();
    await Promise.all([first.closed, second.closed]);
  });

  test("are not used again when they broke, were given up or are closed by the peer", async () => {
    const { peers, connections } = open();
    for (const harm of [
      (peer: Peer) => peer.destroy(),
      (peer: Peer) => peer.push(null),
      async (_: Peer, connection: UploadConnection) => {
        const sent = send(connection);
        connection.destroy();
        await assert.rejects(sent);
      },
    ]) {
      const connection = await connections.take(signal);
      assert.equal(await send(connection), '"done"');
      const peer = peers.at(-1);
      assert(peer !== undefined);
      await harm(peer, connection);
      connections.give(connection);
      await connection.closed;
      const next = await connections.take(signal);
      assert.notEqual(next, connection);
      assert.equal(await send(next), '"done"');
      next.destroy();
    }
    connections.destroy();
  });

  test("are not used again after an answer that came before the end of the body", async () => {
    const { peers, connections } = open();
    const connection = await connections.take(signal);
    const never = Promise.withResolvers<void>();
    const alive = new Liveness("the test's", timeouts);
    const body = (async function* () {
      yield Buffer.alloc(10);
      peers[0]?.push('\n\n{"error":{}}\n');
      await never.promise;
    })();
    assert.equal(await connection.send({ path: "/x", body }, alive, timeouts), '{"error":{}}');
    alive.ended();
    never.resolve();
    connections.give(connection);
    await connection.closed;
    assert.notEqual(await connections.take(signal), connection);
    connections.destroy();
  });

  test("that are retired may end what they have under way, and are closed then", async () => {
    const { peers, connections } = open();
    const [busy, idle] = [await connections.take(signal), await connections.take(signal)];
    connections.give(idle);
    const sent = send(busy);
    const retired = connections.retire(hangMs);
    await idle.closed;
    assert.equal(await sent, '"done"');
    connections.give(busy);
    await retired;

    const late = open();
    const stuck = await late.connections.take(signal);
    const cut = late.connections.retire(10);
    const [peer] = late.peers;
    assert(peer !== undefined && peers.length === 2);
    peer.answer = "";
    await assert.rejects(send(stuck));
    await cut;
  });

  test("that are being opened when the others retire are good for one upload", async () => {
    const opened = Promise.withResolvers<Duplex>();
    const connections = new UploadConnections(() => opened.promise);
    const taken = connections.take(signal);
    const retired = connections.retire(hangMs);
    opened.resolve(new Peer());
    const connection = await taken;
    assert.equal(await send(connection), '"done"');
    connections.give(connection);
    await connection.closed;
    await retired;

    const failing = Promise.withResolvers<Duplex>();
    const others = new UploadConnections(() => failing.promise);
    const rejected = assert.rejects(others.take(signal), /nobody/);
    const over = others.retire(hangMs);
    failing.reject(new Error("nobody"));
    await rejected;
    await over;
  });

  test("give a peer up that does not even take the path", async () => {
    const stuck = new (class extends Peer {
      override _write(): void {
        // It takes nothing.
      }
    })();
    const connections = new UploadConnections(async () => stuck);
    const connection = await connections.take(signal);
    const alive = new Liveness("the test's", { ...timeouts, silenceSeconds: 0.1 });
    alive.signal.addEventListener("abort", () => connection.destroy());
    const body = (async function* () {
      yield Buffer.alloc(10);
    })();
    await assert.rejects(connection.send({ path: "/x", body }, alive, timeouts));
    assert.match(String(alive.signal.reason), /said nothing/);
    alive.ended();
  });

  test("whose answer has no end are cut", async () => {
    const { peers, connections } = open();
    const connection = await connections.take(signal);
    const [peer] = peers;
    assert(peer !== undefined);
    peer.answer = "x".repeat(70_000);
    await assert.rejects(send(connection), /has no end/);
    connections.destroy();
  });
});
