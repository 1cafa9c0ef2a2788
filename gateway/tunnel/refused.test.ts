import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { credentialsOf } from "../transfer/testing/credentials.ts";
import { answerWho, code, get, of, signal, TestedServer } from "./testing.ts";

const counted = (tunnel: TestedServer) =>
  tunnel.refused.list().map((each) => `${each.peer?.siteId ?? "?"} ${each.code} ${each.times}`);
const lines = (tunnel: TestedServer) =>
  tunnel.log.lines.flatMap(({ message, fields }) =>
    message === "a peer was refused" ? [(fields as { readonly peer?: string }).peer] : [],
  );

const serving = async (
  work: (tunnel: TestedServer) => Promise<void>,
  options?: Parameters<typeof TestedServer.start>[0],
) => {
  const tunnel = await TestedServer.start(options);
  try {
    await work(tunnel);
  } finally {
    await tunnel.closeClients();
    await tunnel.stop(0);
  }
};
const never = new VisibleError("NOT_GRANTED", "This site was not told to take that.");

describe("what a gateway refuses its peers", () => {
  test("is counted by the site of the certificate and the reason, with one line in the log however often", () =>
    serving(async (tunnel) => {
      tunnel.handler = () => Promise.reject(never);
      tunnel.uploads = () => Promise.reject(never);
      const peer = await tunnel.client();
      const other = await tunnel.client({ credentials: await credentialsOf(tunnel.authority, "c") });
      for (let times = 0; times < 5; times += 1) await assert.rejects(peer.request(get), code("NOT_GRANTED"));
      await assert.rejects(other.upload({ path: "/x", body: of(new Uint8Array(9)), signal }), code("NOT_GRANTED"));
      assert.deepEqual(counted(tunnel), ["a NOT_GRANTED 5", "c NOT_GRANTED 1"]);
      assert.deepEqual(
        lines(tunnel).map((peer) => peer?.match(/site\/(.)/)?.[1]),
        ["a", "c"],
      );
      tunnel.refused.told(tunnel.refused.list());
      await assert.rejects(peer.request(get), code("NOT_GRANTED"));
      assert.deepEqual([counted(tunnel), lines(tunnel).length], [["a NOT_GRANTED 1"], 3]);
    }));

  test("counts nothing of what befalls honest peers", () =>
    serving(async (tunnel) => {
      tunnel.handler = () => Promise.reject(new VisibleError("FENCED", "A newer session has begun."));
      await assert.rejects((await tunnel.client()).request(get), code("FENCED"));
      assert.deepEqual(counted(tunnel), []);
    }));

  test("counts who is of another multi-cluster as a stranger, whatever its certificate says of its site", () =>
    serving(async (tunnel) => {
      tunnel.handler = answerWho;
      const socket = await tunnel.connect({ multiCluster: "other" });
      await once(socket, "secureConnect");
      socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      await once(socket, "data");
      socket.destroy();
      assert.deepEqual(counted(tunnel), ["? PEER_REFUSED 1"]);
    }));

  test("has a site that takes more than its share of the places", () =>
    serving(
      async (tunnel) => {
        tunnel.handler = answerWho;
        const held = [];
        for (let count = 0; count < 5; count += 1) {
          const socket = await tunnel.connect();
          held.push(socket);
          await once(socket, "secureConnect");
          socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
          await Promise.race([once(socket, "data"), once(socket, "close")]);
        }
        for (const socket of held) socket.destroy();
        assert.deepEqual(counted(tunnel), ["a PLACES_TAKEN 2"]);
      },
      { bounds: { places: 3, lobby: 10 } },
    ));
});
