import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, afterEach, before, describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { manualTime } from "../../agent/testing.ts";
import { credentialsOf } from "../../transfer/testing/credentials.ts";
import {
  code,
  countBytes,
  lengthOf,
  noUploads,
  of,
  record,
  signal,
  TestedServer,
  upgradeTo,
  upgradeToUploads,
  uploadOf,
} from "../testing.ts";
import { chunkBytes } from "./chunk-buffers.ts";
import { uploadProtocol } from "./protocol.ts";

describe("uploads", () => {
  let tunnel: TestedServer;

  before(async () => {
    tunnel = await TestedServer.start({ timeouts: { beatSeconds: 0.1 } });
  });
  after(() => tunnel.stop(1));
  afterEach(() => tunnel.closeClients());

  test("brings uploads whole and one behind the other", async () => {
    const seen: [string, string][] = [];
    const content: Buffer[] = [];
    tunnel.uploads = async ({ path, body }, { siteId }) => {
      seen.push([path, siteId]);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      content.push(Buffer.concat(chunks));
      return chunks.length;
    };
    const peer = await tunnel.client();
    const bodies = [randomBytes(3_000_000), Buffer.alloc(0), randomBytes(1), randomBytes(chunkBytes)];
    for (const [at, body] of bodies.entries()) {
      const pieces = [body.subarray(0, 100), body.subarray(100, 100), body.subarray(100)];
      const answer = await peer.upload({ path: `/v1/what/${at}?é=1`, body: of(...pieces), signal });
      assert.equal(answer, Math.ceil(body.length / chunkBytes));
    }
    assert.deepEqual(
      seen,
      bodies.map((_, at) => [`/v1/what/${at}?é=1`, "a"]),
    );
    assert.ok(Buffer.concat(content).equals(Buffer.concat(bodies)));
  });

  test("hands on what goes wrong with an upload after all of it has come, and takes the next one", async () => {
    const peer = await tunnel.client();
    tunnel.uploads = async (upload, identity) => {
      await countBytes(upload, identity);
      throw new VisibleError("CHECKSUM_MISMATCH", "not what was sent");
    };
    await assert.rejects(peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), code("CHECKSUM_MISMATCH"));
    tunnel.uploads = async () => {
      throw new Error("a secret of the implementation");
    };
    await assert.rejects(peer.upload({ path: "/", body: of(), signal }), (error: unknown) => {
      assert.ok(VisibleError.is(error, "INTERNAL"));
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    tunnel.uploads = countBytes;
    assert.equal(await peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), 10);
  });

  test("hands on what a body throws, and the receiver learns that it broke off", async () => {
    const broke = Promise.withResolvers<unknown>();
    tunnel.uploads = async (upload, identity) => {
      try {
        return await countBytes(upload, identity);
      } catch (error) {
        broke.resolve(error);
        throw error;
      }
    };
    async function* damaged() {
      yield Buffer.alloc(1000);
      throw new VisibleError("STORE_CORRUPT", "bad disk");
    }
    const peer = await tunnel.client();
    await assert.rejects(peer.upload({ path: "/", body: damaged(), signal }), code("STORE_CORRUPT"));
    assert.ok(VisibleError.is(await broke.promise, "LINK_BROKEN"));
  });

  test("refuses uploads of a peer of another multi-cluster, and tells it", async () => {
    tunnel.uploads = noUploads;
    const other = await tunnel.client({ credentials: await credentialsOf(tunnel.authority, "a", "mc2") });
    await assert.rejects(other.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), code("PEER_REFUSED"));
  });

  test("upgrades to nothing but uploads, for peers only, and cuts a connection that breaks their protocol", async () => {
    tunnel.uploads = countBytes;
    const ask = async (head: string, bytes: Uint8Array = new Uint8Array(), multiCluster = "mc") => {
      const socket = await tunnel.connect({ multiCluster });
      let said = "";
      socket.setEncoding("utf8").on("data", (text: string) => {
        if (said === "") socket.write(bytes);
        said += text;
      });
      socket.write(head);
      await once(socket, "close");
      return said;
    };
    assert.match(await ask(upgradeTo("websocket")), /^HTTP\/1.1 404 .*NOT_FOUND/s);
    assert.match(await ask(upgradeTo(uploadProtocol, "/v1/elsewhere")), /^HTTP\/1.1 404 .*NOT_FOUND/s);
    assert.match(await ask(upgradeToUploads, lengthOf(0), "mc2"), /^HTTP\/1.1 403 .*PEER_REFUSED/s);
    const switched = /^HTTP\/1.1 101 Switching Protocols\r\n.*\r\n\r\n$/s;
    assert.match(await ask(upgradeToUploads, lengthOf(0)), switched, "a path of no bytes");
    assert.match(await ask(upgradeToUploads, lengthOf(1_000_000)), switched, "a path that is too long");
  });

  test("takes an upload that comes with the request for the connection, and the next behind an early answer", async () => {
    tunnel.uploads = async ({ path }) => path;
    const socket = await tunnel.connect();
    socket.setEncoding("utf8");
    let said = "";
    const all = Promise.withResolvers<void>();
    socket.on("data", (text: string) => {
      said += text;
      if (said.endsWith('"/z"\n')) all.resolve();
    });
    const behind = ["/x", "/y", "/z"].map((path) => uploadOf(path, 10));
    socket.write(Buffer.concat([Buffer.from(upgradeToUploads), ...behind]));
    await all.promise;
    assert.match(said, /\r\n\r\n"\/x"\n"\/y"\n"\/z"\n$/);
    socket.destroy();
  });

  test("ends with a peer that reads no answers", async () => {
    tunnel.uploads = async ({ path }) => path + "x".repeat(1000);
    const socket = await tunnel.connect();
    socket.write(upgradeToUploads);
    await once(socket, "data");
    socket.pause();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const many = Buffer.concat(Array.from({ length: 1000 }, () => uploadOf("/x", 1)));
    const send = (error?: Error | null) => {
      if (!error && !socket.destroyed) socket.write(many, send);
    };
    send();
    await closed;
  });

  test("logs when an upload is refused, and ends the connection", async () => {
    tunnel.uploads = async () => {
      throw new VisibleError("PEER_REFUSED", "not its own");
    };
    const peer = await tunnel.client();
    await assert.rejects(peer.upload({ path: "/v1/theirs", body: of(), signal }), code("PEER_REFUSED"));
    const line = tunnel.log.lines.find(({ message, fields }) => {
      return message === "a peer was refused" && JSON.stringify(fields).includes("/v1/theirs");
    });
    assert.ok(line !== undefined);
  });

  test("brings the refusal of a body that is still coming, and ends it", async () => {
    tunnel.uploads = async () => {
      throw new VisibleError("FENCED", "too late");
    };
    let ended = false;
    const peer = await tunnel.client();
    for (let time = 0; time < 5; time++) {
      ended = false;
      async function* endless() {
        try {
          for (;;) yield Buffer.alloc(100_000);
        } finally {
          ended = true;
        }
      }
      await assert.rejects(peer.upload({ path: "/", body: endless(), signal }), code("FENCED"));
    }
    while (!ended) await new Promise(setImmediate);
  });

  test("goes to the next endpoint when one takes no uploads", async () => {
    tunnel.uploads = async () => "first";
    const old = await TestedServer.start({ authority: tunnel.authority });
    old.uploads = async () => "old";
    const peer = await tunnel.client({ endpoints: [old.endpoint, tunnel.endpoint] });
    // It is about to stop, and waits for what is under way.
    const held = await old.connect();
    await once(held, "secureConnect");
    const stopped = old.stop(1);
    for (let times = 0; times < 4; times++) {
      assert.equal(await peer.upload({ path: "/", body: of(), signal }), "first");
    }
    held.destroy();
    await stopped;
  });

  test("gives up a peer that takes no more of a body", async () => {
    tunnel.uploads = () => new Promise(() => undefined);
    const peer = await tunnel.client({ timeouts: { stallSeconds: 0.2 } });
    async function* endless() {
      for (;;) yield Buffer.alloc(1_000_000);
    }
    await assert.rejects(peer.upload({ path: "/", body: endless(), signal }), (error: unknown) => {
      assert.ok(VisibleError.is(error, "LINK_BROKEN"));
      assert.match(error.message, /took nothing/);
      return true;
    });
  });

  test("gives up a peer whose body has fallen silent", async () => {
    const broke = Promise.withResolvers<unknown>();
    const impatient = await TestedServer.start({ timeouts: { silenceSeconds: 0.3, beatSeconds: 0.1 } });
    impatient.uploads = async (upload, identity) => {
      await countBytes(upload, identity).catch(broke.resolve);
      return assert.fail("the body has no end");
    };
    const peer = await impatient.client();
    async function* silent() {
      yield Buffer.alloc(10);
      await broke.promise;
    }
    await assert.rejects(peer.upload({ path: "/", body: silent(), signal }), code("LINK_BROKEN"));
    await impatient.closeClients();
    await impatient.stop(1);
  });

  test("ends an upload of which a byte a minute comes, and says why", async () => {
    const time = manualTime();
    const patient = await TestedServer.start({ time });
    patient.uploads = countBytes;
    const socket = await patient.connect();
    let said = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    socket.write(Buffer.concat([Buffer.from(upgradeToUploads), record(Buffer.from("/x")), lengthOf(1_000_000)]));
    while (!said.includes("101 Switching")) await once(socket, "data");
    for (let minutes = 0; minutes < 10_000 && !said.includes("LINK_SLOW"); minutes++) {
      if (!socket.destroyed) socket.write(Buffer.alloc(1));
      await time.advance(60_000);
    }
    assert.match(said, /"code":"LINK_SLOW".*slower than 64 bytes a second/);
    socket.destroy();
    const stopped = patient.stop(0);
    await time.advance(60_000);
    await stopped;
    const peer = { siteId: "a", gatewayId: "a-1" };
    assert.deepEqual(patient.refused.list(), [{ peer, code: "LINK_SLOW", times: 1 }]);
  });

  test("ends an upload by its signal, with the signal's reason, whatever it waits for", async () => {
    const peer = await tunnel.client();
    for (const isSent of [true, false]) {
      const stop = new AbortController();
      const gone = Promise.withResolvers<void>();
      tunnel.uploads = async (upload) => {
        stop.abort(new Error("stopped"));
        upload.signal.addEventListener("abort", () => gone.resolve());
        // One that has come whole is no longer given up.
        if (isSent) gone.resolve();
        await gone.promise;
      };
      async function* body() {
        yield Buffer.alloc(10);
        if (!isSent) await gone.promise;
      }
      await assert.rejects(peer.upload({ path: "/", body: body(), signal: stop.signal }), /stopped/);
      await gone.promise;
      await assert.rejects(peer.upload({ path: "/", body: body(), signal: stop.signal }), /stopped/);
    }
    tunnel.uploads = countBytes;
    assert.equal(await peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), 10);
  });
});
