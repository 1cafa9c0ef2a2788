import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { until } from "../../test/patience.ts";
import { credentialsOf } from "../transfer/testing/credentials.ts";
import { answerWho, get, TestedServer } from "./testing.ts";

const dropped = (tunnel: TestedServer) => tunnel.log.lines.filter(({ message }) => message.includes("were dropped"));

describe("the port of the direct tunnel", () => {
  let tunnel: TestedServer;
  const sockets: Socket[] = [];
  before(async () => {
    tunnel = await TestedServer.start({ timeouts: { handshakeSeconds: 3600 } });
    tunnel.handler = answerWho;
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    return tunnel.closeClients();
  });
  after(() => tunnel.stop(0));

  test("is not shut by 520 silent connections from anywhere: the oldest go, and a peer is answered", async () => {
    const closed: number[] = [];
    for (let count = 0; count < 520; count++) {
      const socket = connect(tunnel.port, "127.0.0.1");
      sockets.push(socket);
      socket.on("error", () => undefined).on("close", () => closed.push(count));
      await once(socket, "connect");
    }
    const peer = await tunnel.client();
    assert.equal(((await peer.request(get)) as { siteId: string }).siteId, "a");
    await peer.close();
    // The newest 64 stay, and who asked was one of them.
    while (closed.length < 456) await new Promise(setImmediate);
    assert.deepEqual(
      closed.filter((count) => count >= 457),
      [],
    );
    assert.equal(dropped(tunnel).length, 1, "one line for all of them");
    assert.ok(!tunnel.log.lines.some(({ message }) => message.includes("was refused")));
  });
});

test("a port writes one line for all connections that end before they say who they are", async () => {
  const tunnel = await TestedServer.start();
  try {
    const silent = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect({ host: "127.0.0.1", port: tunnel.port });
        await once(socket, "connect");
        return socket;
      }),
    );
    for (const socket of silent) socket.resetAndDestroy();
    const told = () => tunnel.log.lines.filter(({ message }) => message.includes("before they said who they are"));
    await until("the line", () => told().length > 0);
    assert.equal(told().length, 1);
    assert.ok(!tunnel.log.lines.some(({ message }) => message.includes("was refused")));
  } finally {
    await tunnel.stop(0);
  }
});

describe("the places at the port of the direct tunnel", () => {
  test("are not all one site's: another site gets its share, and keeps it", async () => {
    const tunnel = await TestedServer.start({ bounds: { places: 6, lobby: 10 } });
    tunnel.handler = answerWho;
    const open: TLSSocket[] = [];
    const take = async (siteId: string): Promise<TLSSocket> => {
      const socket = await tunnel.connect({ siteId });
      open.push(socket);
      socket.once("close", () => open.splice(open.indexOf(socket), 1));
      await once(socket, "secureConnect");
      // Its answer says that the server has it.
      socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await Promise.race([once(socket, "data"), once(socket, "close")]);
      return socket;
    };
    try {
      const held: TLSSocket[] = [];
      for (let count = 0; count < 9; count++) held.push(await take("a"));
      assert.deepEqual(
        held.map(({ destroyed }) => destroyed),
        [...Array(6).fill(false), true, true, true],
      );
      const others = [await take("c"), await take("c"), await take("d")];
      for (let count = 0; count < 20; count++) await take("a");
      assert.ok(others.every(({ destroyed }) => !destroyed));
      while (open.length > 6) await new Promise(setImmediate);
      const peer = await tunnel.client({ credentials: await credentialsOf(tunnel.authority, "d") });
      assert.equal(((await peer.request(get)) as { siteId: string }).siteId, "d");
    } finally {
      for (const socket of [...open]) socket.destroy();
      await tunnel.closeClients();
      await tunnel.stop(0);
    }
  });
});
