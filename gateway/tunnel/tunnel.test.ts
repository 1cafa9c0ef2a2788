import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { connect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { VisibleError } from "../../core/api/errors.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { chunkBytes } from "../chunk-buffers.ts";
import { credentialsOf, newAuthority, site } from "../transfer/testing/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { answerJson } from "./answer.ts";
import type { TlsCredentials } from "./certificates.ts";
import { createPeerClient, type PeerClient, type PeerClientOptions } from "./client.ts";
import type { PeerHandler } from "./requests.ts";
import { startTunnelServer, type TunnelServer } from "./server.ts";
import { uploadProtocol, uploadsPath } from "./upload/protocol.ts";
import type { UploadHandler } from "./upload/server.ts";

const signal = new AbortController().signal;
const get = { method: "GET", path: "/", signal } as const;
const code = (expected: string) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

const noUploads: UploadHandler = async () => assert.fail("nobody may upload");
/** Reads a body to its end. */
const countBytes: UploadHandler = async ({ body }) => {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  return bytes;
};
async function* of(...chunks: Uint8Array[]) {
  yield* chunks;
}

type Options = Partial<Omit<PeerClientOptions, "credentials">> & { readonly credentials?: TlsCredentials };

describe("the tunnel", () => {
  let authority: CertificateWithKey;
  let server: TunnelServer;
  let handler: PeerHandler;
  let uploads: UploadHandler;
  const log = createMemoryLog();
  const clients: PeerClient[] = [];
  const endpoint = () => `127.0.0.1:${server.port}`;

  before(async () => {
    authority = await newAuthority();
    server = await startTunnelServer({
      credentials: await credentialsOf(authority, "b"),
      multiCluster: site("mc"),
      port: 0,
      handler: (request, response, identity) => handler(request, response, identity),
      uploads: (upload, identity) => uploads(upload, identity),
      log,
      limits: { silenceSeconds: 1, beatSeconds: 0.1 },
    });
  });
  after(() => server.stop(1));
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  const client = async (options: Options = {}): Promise<PeerClient> => {
    const { credentials = await credentialsOf(authority, "a") } = options;
    const made = createPeerClient({
      multiCluster: site("mc"),
      siteId: site("b"),
      endpoints: [endpoint()],
      log: createMemoryLog(),
      ...options,
      credentials: () => credentials,
    });
    clients.push(made);
    return made;
  };
  const answerWho: PeerHandler = async (_request, response, identity) => answerJson(response, 200, identity);

  test("hands a request on with the identity that the certificate names", async () => {
    handler = answerWho;
    assert.deepEqual(await (await client()).request(get), { multiCluster: "mc", siteId: "a", gatewayId: "a-1" });
  });

  test("refuses a peer with no certificate, or with another authority's, and logs why", async () => {
    handler = answerWho;
    const { caPem } = await credentialsOf(authority, "a");
    const foreign = { ...(await credentialsOf(await newAuthority(), "a")), caPem };
    await assert.rejects((await client({ credentials: foreign })).request(get));
    const socket: TLSSocket = connect({
      host: "127.0.0.1",
      port: server.port,
      ca: caPem,
      checkServerIdentity: () => undefined,
    });
    const [error] = await once(socket, "error");
    assert.match(String(error.code), /CERTIFICATE_REQUIRED|ECONNRESET/);
    const reasons = log.lines.filter(({ message }) => message.includes("handshake")).map(({ fields }) => fields);
    assert.equal(reasons.length, 2, JSON.stringify(log.lines));
    assert.ok("reason" in (reasons[0] ?? {}));
  });

  test("refuses a peer of another multi-cluster, and tells it", async () => {
    handler = answerWho;
    const other = await client({ credentials: await credentialsOf(authority, "a", "mc2") });
    await assert.rejects(other.request(get), code("PEER_REFUSED"));
  });

  test("speaks TLS 1.3 and nothing older", async () => {
    const { caPem, certificatePem, keyPem } = await credentialsOf(authority, "a");
    const socket = connect({
      host: "127.0.0.1",
      port: server.port,
      ca: caPem,
      cert: certificatePem,
      key: keyPem,
      maxVersion: "TLSv1.2",
      checkServerIdentity: () => undefined,
    });
    const [error] = await once(socket, "error");
    assert.match(String(error.code), /PROTOCOL_VERSION|ECONNRESET/);
  });

  test("talks to a server of the wanted site, authority and multi-cluster only, whatever its address", async () => {
    handler = async () => assert.fail("no request may come");
    const wrong: Options[] = [
      { siteId: site("c") },
      { multiCluster: site("mc2") },
      { credentials: await credentialsOf(await newAuthority(), "a") },
    ];
    for (const options of wrong) await assert.rejects((await client(options)).request(get), code("PEER_REFUSED"));
  });

  test("hands the peer's errors on with code and hint, and defects without their text", async () => {
    handler = async () => {
      throw new VisibleError("STORE_FULL", "no space", { hint: "add disks" });
    };
    const peer = await client();
    await assert.rejects(peer.request(get), (error: unknown) => {
      assert.ok(VisibleError.is(error, "STORE_FULL"));
      assert.deepEqual([error.message, error.hint], ["no space", "add disks"]);
      return true;
    });
    handler = async () => {
      throw new Error("a secret of the implementation");
    };
    await assert.rejects(peer.request(get), (error: unknown) => {
      assert.ok(VisibleError.is(error, "INTERNAL"));
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  test("brings uploads whole and one behind the other", async () => {
    const seen: [string, string][] = [];
    const content: Buffer[] = [];
    uploads = async ({ path, body }, { siteId }) => {
      seen.push([path, siteId]);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      content.push(Buffer.concat(chunks));
      return chunks.length;
    };
    const peer = await client();
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
    const peer = await client();
    uploads = async (upload, identity) => {
      await countBytes(upload, identity);
      throw new VisibleError("CHECKSUM_MISMATCH", "not what was sent");
    };
    await assert.rejects(peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), code("CHECKSUM_MISMATCH"));
    uploads = async () => {
      throw new Error("a secret of the implementation");
    };
    await assert.rejects(peer.upload({ path: "/", body: of(), signal }), (error: unknown) => {
      assert.ok(VisibleError.is(error, "INTERNAL"));
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    uploads = countBytes;
    assert.equal(await peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), 10);
  });

  test("hands on what a body throws, and the receiver learns that it broke off", async () => {
    const broke = Promise.withResolvers<unknown>();
    uploads = async (upload, identity) => {
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
    const peer = await client();
    await assert.rejects(peer.upload({ path: "/", body: damaged(), signal }), code("STORE_CORRUPT"));
    assert.ok(VisibleError.is(await broke.promise, "LINK_BROKEN"));
  });

  test("refuses uploads of a peer of another multi-cluster, and tells it", async () => {
    uploads = noUploads;
    const other = await client({ credentials: await credentialsOf(authority, "a", "mc2") });
    await assert.rejects(other.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), code("PEER_REFUSED"));
  });

  /** A connection of gateway a-1 of the multi-cluster, by hand. */
  const openSocket = async (port = server.port, multiCluster = "mc"): Promise<TLSSocket> => {
    const { caPem, certificatePem, keyPem } = await credentialsOf(authority, "a", multiCluster);
    const socket = connect({
      ...{ host: "127.0.0.1", port, ca: caPem, cert: certificatePem, key: keyPem },
      checkServerIdentity: () => undefined,
    });
    socket.on("error", () => undefined);
    return socket;
  };
  const upgradeTo = (protocol: string, path = uploadsPath) =>
    `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;
  const word = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const uploadOf = (path: string, bytes: number) =>
    Buffer.concat([word(path.length), Buffer.from(path), word(bytes), Buffer.alloc(bytes), word(0)]);

  test("upgrades to nothing but uploads, for peers only, and cuts a connection that breaks their protocol", async () => {
    uploads = countBytes;
    const ask = async (head: string, bytes = Buffer.alloc(0), multiCluster = "mc") => {
      const socket = await openSocket(server.port, multiCluster);
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
    assert.match(await ask(upgradeTo(uploadProtocol), word(0), "mc2"), /^HTTP\/1.1 403 .*PEER_REFUSED/s);
    const switched = /^HTTP\/1.1 101 Switching Protocols\r\n.*\r\n\r\n$/s;
    assert.match(await ask(upgradeTo(uploadProtocol), word(0)), switched, "a path of no bytes");
    assert.match(await ask(upgradeTo(uploadProtocol), word(1_000_000)), switched, "a path that is too long");
  });

  test("takes an upload that comes with the request for the connection, and the next behind an early answer", async () => {
    uploads = async ({ path }) => path;
    const socket = await openSocket();
    socket.setEncoding("utf8");
    let said = "";
    const all = Promise.withResolvers<void>();
    socket.on("data", (text: string) => {
      said += text;
      if (said.endsWith('"/z"\n')) all.resolve();
    });
    const behind = ["/x", "/y", "/z"].map((path) => uploadOf(path, 10));
    socket.write(Buffer.concat([Buffer.from(upgradeTo(uploadProtocol)), ...behind]));
    await all.promise;
    assert.match(said, /\r\n\r\n"\/x"\n"\/y"\n"\/z"\n$/);
    socket.destroy();
  });

  test("ends with a peer that reads no answers", async () => {
    uploads = async ({ path }) => path + "x".repeat(1000);
    const socket = await openSocket();
    socket.write(upgradeTo(uploadProtocol));
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
    uploads = async () => {
      throw new VisibleError("PEER_REFUSED", "not its own");
    };
    const peer = await client();
    await assert.rejects(peer.upload({ path: "/v1/theirs", body: of(), signal }), code("PEER_REFUSED"));
    const line = log.lines.find(({ message, fields }) => {
      return message === "a peer was refused" && JSON.stringify(fields).includes("/v1/theirs");
    });
    assert.ok(line !== undefined);
  });

  test("brings the refusal of a body that is still coming, and ends it", async () => {
    uploads = async () => {
      throw new VisibleError("FENCED", "too late");
    };
    let ended = false;
    const peer = await client();
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

  test("goes to the next endpoint when one can't be connected, and takes turns between those that can", async () => {
    handler = answerWho;
    const second = await startTunnelServer({
      credentials: await credentialsOf(authority, "b"),
      multiCluster: site("mc"),
      port: 0,
      handler: async (_request, response) => answerJson(response, 200, "second"),
      uploads: async () => "second",
      log,
    });
    const peer = await client({ endpoints: ["127.0.0.1:1", endpoint(), `127.0.0.1:${second.port}`] });
    const answers: unknown[] = [];
    for (let asked = 0; asked < 6; asked++) answers.push(await peer.request(get));
    assert.ok(answers.filter((answer) => answer === "second").length >= 2, JSON.stringify(answers));
    assert.ok(answers.filter((answer) => answer !== "second").length >= 2, JSON.stringify(answers));
    uploads = async () => "first";
    const uploaded: unknown[] = [];
    for (let times = 0; times < 6; times++) uploaded.push(await peer.upload({ path: "/", body: of(), signal }));
    assert.ok(uploaded.filter((answer) => answer === "second").length >= 2, JSON.stringify(uploaded));
    assert.ok(uploaded.filter((answer) => answer === "first").length >= 2, JSON.stringify(uploaded));
    await second.stop(0.1);
  });

  test("goes to the next endpoint when one takes no uploads", async () => {
    uploads = async () => "first";
    const old = await startTunnelServer({
      credentials: await credentialsOf(authority, "b"),
      multiCluster: site("mc"),
      port: 0,
      handler: async () => assert.fail("nobody may ask"),
      uploads: async () => "old",
      log,
    });
    const peer = await client({ endpoints: [`127.0.0.1:${old.port}`, endpoint()] });
    // It is about to stop, and waits for what is under way.
    const held = openSocket(old.port);
    await once(await held, "secureConnect");
    const stopped = old.stop(1);
    for (let times = 0; times < 4; times++) {
      assert.equal(await peer.upload({ path: "/", body: of(), signal }), "first");
    }
    (await held).destroy();
    await stopped;
  });

  test("fails as a broken link when nobody is there, with the cause", async () => {
    await assert.rejects((await client({ endpoints: ["127.0.0.1:1"] })).request(get), (error: unknown) => {
      assert.ok(VisibleError.is(error, "LINK_BROKEN"));
      assert.equal((error.cause as { code: string }).code, "ECONNREFUSED");
      return true;
    });
    assert.throws(
      () => createPeerClient({ ...({} as PeerClientOptions), siteId: site("b"), endpoints: [], log }),
      code("GATEWAY_ABSENT"),
    );
  });

  test("gives up a peer that accepts and says nothing", async () => {
    const silent: Server = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    assert.ok(address !== null && typeof address === "object");
    const peer = await client({ endpoints: [`127.0.0.1:${address.port}`], limits: { connectSeconds: 0.2 } });
    await assert.rejects(peer.request(get), code("LINK_BROKEN"));
    await assert.rejects(peer.upload({ path: "/", body: of(), signal }), code("LINK_BROKEN"));
    silent.close();
  });

  test("gives up a peer that takes no more of a body", async () => {
    uploads = () => new Promise(() => undefined);
    const peer = await client({ limits: { stallSeconds: 0.2 } });
    async function* endless() {
      for (;;) yield Buffer.alloc(1_000_000);
    }
    await assert.rejects(peer.upload({ path: "/", body: endless(), signal }), (error: unknown) => {
      assert.ok(VisibleError.is(error, "LINK_BROKEN"));
      assert.match(error.message, /took nothing/);
      return true;
    });
  });

  test("waits for a peer that says it is still there, and hears its errors after that, too", async () => {
    const peer = await client({ limits: { silenceSeconds: 0.4 } });
    const busy = () => new Promise((resolve) => setTimeout(resolve, 900));
    handler = async (_request, response) => {
      await busy();
      answerJson(response, 200, "done");
    };
    assert.equal(await peer.request(get), "done");
    handler = async () => {
      await busy();
      throw new VisibleError("STORE_FULL", "no space");
    };
    await assert.rejects(peer.request(get), code("STORE_FULL"));
    const piece = Buffer.alloc(1000);
    async function* slow() {
      for (let pieces = 0; pieces < 10; pieces++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        yield piece;
      }
    }
    uploads = async (upload, identity) => {
      const bytes = await countBytes(upload, identity);
      await busy();
      return bytes;
    };
    assert.equal(await peer.upload({ path: "/", body: slow(), signal }), 10_000);
  });

  test("gives up a peer that has the request and says nothing, and one that is alive and never done", async () => {
    const credentials = await credentialsOf(authority, "b");
    const hung = createTlsServer({
      ...{ ca: credentials.caPem, cert: credentials.certificatePem, key: credentials.keyPem, requestCert: true },
    });
    const sockets: TLSSocket[] = [];
    hung.on("secureConnection", (socket) => {
      socket.resume().on("error", () => undefined);
      sockets.push(socket);
    });
    hung.listen(0, "127.0.0.1");
    await once(hung, "listening");
    const { port } = hung.address() as AddressInfo;
    const endpoints = [`127.0.0.1:${port}`];
    const says = (text: RegExp) => (error: unknown) =>
      VisibleError.is(error, "LINK_BROKEN") && text.test(error.message);
    async function* body() {
      yield Buffer.alloc(1000);
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    }
    const peer = await client({ endpoints, limits: { silenceSeconds: 0.3 } });
    await assert.rejects(peer.request(get), says(/said nothing/));
    await assert.rejects(peer.upload({ path: "/", body: body(), signal }), says(/said nothing/));
    hung.close();
    for (const socket of sockets) socket.destroy();
    handler = () => new Promise(() => undefined);
    uploads = () => new Promise(() => undefined);
    const patient = await client({ limits: { silenceSeconds: 1, answerSeconds: 0.5 } });
    await assert.rejects(patient.request(get), says(/did not answer within/));
    const alive = patient.upload({ path: "/", body: of(Buffer.alloc(10)), signal });
    await assert.rejects(alive, says(/did not answer within/));
  });

  test("gives up a peer whose body has fallen silent", async () => {
    const broke = Promise.withResolvers<unknown>();
    uploads = async (upload, identity) => {
      await countBytes(upload, identity).catch(broke.resolve);
      return assert.fail("the body has no end");
    };
    const peer = await client();
    async function* silent() {
      yield Buffer.alloc(10);
      await broke.promise;
    }
    await assert.rejects(peer.upload({ path: "/", body: silent(), signal }), code("LINK_BROKEN"));
  });

  test("outlives a peer that goes away before its answer", async () => {
    const stop = new AbortController();
    const answered = Promise.withResolvers<void>();
    handler = async (_request, response) => {
      const closed = once(response, "close");
      stop.abort(new Error("stopped"));
      await closed;
      answerJson(response, 200, "late");
      setImmediate(answered.resolve);
    };
    const peer = await client();
    await assert.rejects(peer.request({ ...get, signal: stop.signal }), /stopped/);
    await answered.promise;
    handler = answerWho;
    assert.ok(await peer.request(get));
  });

  test("ends a request by its signal, with the signal's reason", async () => {
    const stop = new AbortController();
    handler = async () => stop.abort(new Error("stopped"));
    await assert.rejects((await client()).request({ ...get, signal: stop.signal }), /stopped/);
  });

  test("ends an upload by its signal, with the signal's reason, whatever it waits for", async () => {
    const peer = await client();
    for (const isSent of [true, false]) {
      const stop = new AbortController();
      const gone = Promise.withResolvers<void>();
      uploads = async (upload) => {
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
    uploads = countBytes;
    assert.equal(await peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal }), 10);
  });
});

describe("a tunnel server that stops", () => {
  test("lets requests under way end, and cuts those that do not within the limit", async () => {
    const authority = await newAuthority();
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const log = createMemoryLog();
    const start = async (handler: PeerHandler, uploads = noUploads) => {
      const server = await startTunnelServer({
        credentials: await credentialsOf(authority, "b"),
        multiCluster: site("mc"),
        port: 0,
        handler,
        uploads,
        log,
      });
      const credentials = await credentialsOf(authority, "a");
      const peer = createPeerClient({
        credentials: () => credentials,
        multiCluster: site("mc"),
        siteId: site("b"),
        endpoints: [`127.0.0.1:${server.port}`],
        log,
      });
      return { server, peer };
    };
    const polite = await start(async (_request, response) => {
      begun.resolve();
      await finish.promise;
      answerJson(response, 200, "done");
    });
    const answer = polite.peer.request(get);
    await begun.promise;
    const stopped = polite.server.stop(10);
    finish.resolve();
    assert.equal(await answer, "done");
    await polite.peer.close();
    await stopped;

    const hung = Promise.withResolvers<void>();
    const stuck = await start(() => {
      hung.resolve();
      return new Promise(() => undefined);
    });
    const cut = assert.rejects(stuck.peer.request(get), code("LINK_BROKEN"));
    await hung.promise;
    await stuck.server.stop(0.05);
    await cut;
    await stuck.peer.close();
  });

  test("does not wait for a peer whose upgrade it refused, nor takes an upload after one that it waits for", async () => {
    const authority = await newAuthority();
    const seen: string[] = [];
    const server = await startTunnelServer({
      credentials: await credentialsOf(authority, "b"),
      multiCluster: site("mc"),
      port: 0,
      handler: async () => assert.fail("nobody may ask"),
      uploads: async ({ path }) => seen.push(path),
      log: createMemoryLog(),
    });
    const { caPem, certificatePem, keyPem } = await credentialsOf(authority, "a");
    const open = async (protocol: string) => {
      const socket = connect({
        ...{ host: "127.0.0.1", port: server.port, ca: caPem, cert: certificatePem, key: keyPem, allowHalfOpen: true },
        checkServerIdentity: () => undefined,
      });
      socket.on("error", () => undefined);
      socket.write(`GET ${uploadsPath} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
      await once(socket, "data");
      return socket;
    };
    await open("websocket");
    const word = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
    const answered = await open(uploadProtocol);
    answered.write(Buffer.concat([word(2), Buffer.from("/x"), word(4), word(0)]));
    await once(answered, "data");
    const beganMs = performance.now();
    const stopped = server.stop(20);
    answered.write(Buffer.concat([word(0), word(2), Buffer.from("/y"), word(0)]));
    await stopped;
    assert.ok(performance.now() - beganMs < 10_000, "it does not take all the time that it may");
    assert.deepEqual(seen, ["/x"]);
  });

  test("lets uploads under way end, takes none after them, and cuts those that do not end", async () => {
    const authority = await newAuthority();
    const start = async (uploads: UploadHandler) => {
      const server = await startTunnelServer({
        credentials: await credentialsOf(authority, "b"),
        multiCluster: site("mc"),
        port: 0,
        handler: async () => assert.fail("nobody may ask"),
        uploads,
        log: createMemoryLog(),
      });
      const credentials = await credentialsOf(authority, "a");
      const peer = createPeerClient({
        credentials: () => credentials,
        multiCluster: site("mc"),
        siteId: site("b"),
        endpoints: [`127.0.0.1:${server.port}`],
        log: createMemoryLog(),
      });
      const upload = () => peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal });
      return { server, peer, upload };
    };
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const polite = await start(async () => {
      begun.resolve();
      await finish.promise;
      return "done";
    });
    const answer = polite.upload();
    await begun.promise;
    const stopped = polite.server.stop(10);
    finish.resolve();
    assert.equal(await answer, "done");
    await stopped;
    await assert.rejects(polite.upload(), code("LINK_BROKEN"));
    await polite.peer.close();

    const idle = await start(countBytes);
    assert.equal(await idle.upload(), 10);
    const beganMs = performance.now();
    await idle.server.stop(10);
    assert.ok(performance.now() - beganMs < 5_000, "a connection that nobody uses is not waited for");
    await idle.peer.close();

    const hung = Promise.withResolvers<void>();
    const stuck = await start(() => {
      hung.resolve();
      return new Promise(() => undefined);
    });
    const cut = assert.rejects(stuck.upload(), code("LINK_BROKEN"));
    await hung.promise;
    await stuck.server.stop(0.05);
    await cut;
    await stuck.peer.close();
  });
});
