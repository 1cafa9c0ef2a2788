import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { connect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { VisibleError } from "../../core/api/errors.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { credentialsOf, newAuthority, site } from "../transfer/testing/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { answerJson } from "./answer.ts";
import type { TlsCredentials } from "./certificates.ts";
import { createPeerClient, type PeerClient, type PeerClientOptions } from "./client.ts";
import type { PeerHandler } from "./requests.ts";
import { startTunnelServer, type TunnelServer } from "./server.ts";

const signal = new AbortController().signal;
const get = { method: "GET", path: "/", signal } as const;
const code = (expected: string) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

type Options = Partial<Omit<PeerClientOptions, "credentials">> & { readonly credentials?: TlsCredentials };

describe("the tunnel", () => {
  let authority: CertificateWithKey;
  let server: TunnelServer;
  let handler: PeerHandler;
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

  test("brings the refusal of a body that is still coming, and ends it", async () => {
    handler = async () => {
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
      await assert.rejects(peer.request({ method: "PUT", path: "/", body: endless, signal }), code("FENCED"));
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
      log,
    });
    const peer = await client({ endpoints: ["127.0.0.1:1", endpoint(), `127.0.0.1:${second.port}`] });
    const answers: unknown[] = [];
    for (let asked = 0; asked < 6; asked++) answers.push(await peer.request(get));
    assert.ok(answers.filter((answer) => answer === "second").length >= 2, JSON.stringify(answers));
    assert.ok(answers.filter((answer) => answer !== "second").length >= 2, JSON.stringify(answers));
    await second.stop(0.1);
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
    silent.close();
  });

  test("gives up a peer that takes no more of a body", async () => {
    handler = () => new Promise(() => undefined);
    const peer = await client({ limits: { stallSeconds: 0.2 } });
    async function* endless() {
      for (;;) yield Buffer.alloc(1_000_000);
    }
    await assert.rejects(peer.request({ method: "PUT", path: "/", body: endless, signal }), (error: unknown) => {
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
    handler = async (request, response) => {
      let bytes = 0;
      for await (const part of request) bytes += (part as Buffer).length;
      answerJson(response, 200, bytes);
    };
    assert.equal(await peer.request({ method: "PUT", path: "/", body: slow, signal }), 10_000);
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
    await assert.rejects(peer.request({ method: "PUT", path: "/", body, signal }), says(/said nothing/));
    hung.close();
    for (const socket of sockets) socket.destroy();
    handler = () => new Promise(() => undefined);
    const patient = await client({ limits: { silenceSeconds: 1, answerSeconds: 0.5 } });
    await assert.rejects(patient.request(get), says(/did not answer within/));
  });

  test("gives up a peer whose body has fallen silent", async () => {
    const broke = Promise.withResolvers<unknown>();
    handler = async (request) => {
      request.once("error", broke.resolve);
      request.resume();
      await broke.promise;
    };
    const peer = await client();
    async function* silent() {
      yield Buffer.alloc(10);
      await broke.promise;
    }
    await assert.rejects(peer.request({ method: "PUT", path: "/", body: silent, signal }), code("LINK_BROKEN"));
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
});

describe("a tunnel server that stops", () => {
  test("lets requests under way end, and cuts those that do not within the limit", async () => {
    const authority = await newAuthority();
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const log = createMemoryLog();
    const start = async (handler: PeerHandler) => {
      const server = await startTunnelServer({
        credentials: await credentialsOf(authority, "b"),
        multiCluster: site("mc"),
        port: 0,
        handler,
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
});
