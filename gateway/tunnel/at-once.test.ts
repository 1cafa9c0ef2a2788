import assert from "node:assert/strict";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { after, afterEach, before, describe, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { until } from "../../test/patience.ts";
import { answerWho, TestedServer, upgradeToUploads, uploadOf } from "./testing.ts";

const requestBytes = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
/** The number of the event loop's turn. */
const turn = () => performance.nodeTiming.uvMetricsInfo.loopCount;

describe("what a peer asks for at once", () => {
  let tunnel: TestedServer;
  const sockets: TLSSocket[] = [];
  /** The turns in which something was begun. */
  const begun: number[] = [];
  before(async () => {
    tunnel = await TestedServer.start();
    tunnel.handler = async (...request) => {
      begun.push(turn());
      await answerWho(...request);
    };
    tunnel.uploads = async () => {
      begun.push(turn());
    };
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    begun.length = 0;
  });
  after(() => tunnel.stop(0));

  const connected = async (): Promise<TLSSocket> => {
    const socket = await tunnel.connect();
    sockets.push(socket);
    await once(socket, "secureConnect");
    return socket;
  };

  test("over many connections takes a turn of the event loop for each", async () => {
    const all = await Promise.all(Array.from({ length: 32 }, connected));
    for (const socket of all) socket.write(requestBytes);
    await until("all to be answered", () => begun.length === all.length);
    assert.equal(new Set(begun).size, all.length, begun.join());
  });

  test("in uploads takes a turn for each, too", async () => {
    const all = await Promise.all(Array.from({ length: 32 }, connected));
    for (const socket of all) socket.write(Buffer.concat([Buffer.from(upgradeToUploads), uploadOf("/", 1)]));
    await until("all to be begun", () => begun.length === all.length);
    assert.equal(new Set(begun).size, all.length, begun.join());
  });

  test("over one connection, a thousand times without waiting for an answer, costs it that connection", async () => {
    const socket = await connected();
    socket.write(requestBytes.repeat(1000));
    await until("the connection to be cut", () => socket.closed);
    assert.ok(begun.length <= 1, `${begun.length} were begun`);
  });

  test("over one connection, one after the other, is answered", async () => {
    const socket = await connected();
    for (let count = 1; count <= 3; count++) {
      socket.write(requestBytes);
      await once(socket, "data");
      assert.equal(begun.length, count);
    }
  });
});
