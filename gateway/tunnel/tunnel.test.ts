import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { VisibleError } from "../../core/api/errors.ts";
import { credentialsOf, newAuthority, site } from "../transfer/testing/credentials.ts";
import { answerJson } from "./answer.ts";
import { createPeerClient, type PeerClientOptions } from "./client.ts";
import { answerWho, code, countBytes, get, of, signal, type TestedClientOptions, TestedServer } from "./testing.ts";

describe("the tunnel", () => {
  let tunnel: TestedServer;

  before(async () => {
    tunnel = await TestedServer.start({ timeouts: { beatSeconds: 0.1 } });
  });
  after(() => tunnel.stop(1));
  afterEach(() => tunnel.closeClients());

  test("hands a request on with the identity that the certificate names", async () => {
    tunnel.handler = answerWho;
    assert.deepEqual(await (await tunnel.client()).request(get), { multiCluster: "mc", siteId: "a", gatewayId: "a-1" });
  });

  test("refuses a peer with no certificate, or with another authority's, and logs why", async () => {
    tunnel.handler = answerWho;
    const { caPem } = await credentialsOf(tunnel.authority, "a");
    const foreign = { ...(await credentialsOf(await newAuthority(), "a")), caPem };
    await assert.rejects((await tunnel.client({ credentials: foreign })).request(get));
    const socket: TLSSocket = connect({
      host: "127.0.0.1",
      port: tunnel.port,
      ca: caPem,
      checkServerIdentity: () => undefined,
    });
    const [error] = await once(socket, "error");
    assert.match(String(error.code), /CERTIFICATE_REQUIRED|ECONNRESET/);
    const reasons = tunnel.log.lines.filter(({ message }) => message.includes("handshake")).map(({ fields }) => fields);
    assert.equal(reasons.length, 2, JSON.stringify(tunnel.log.lines));
    assert.ok("reason" in (reasons[0] ?? {}));
  });

  test("refuses a peer of another multi-cluster, and tells it", async () => {
    tunnel.handler = answerWho;
    const other = await tunnel.client({ credentials: await credentialsOf(tunnel.authority, "a", "mc2") });
    await assert.rejects(other.request(get), code("PEER_REFUSED"));
  });

  test("speaks TLS 1.3 and nothing older", async () => {
    const { caPem, certificatePem, keyPem } = await credentialsOf(tunnel.authority, "a");
    const socket = connect({
      host: "127.0.0.1",
      port: tunnel.port,
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
    tunnel.handler = async () => assert.fail("no request may come");
    const wrong: TestedClientOptions[] = [
      { siteId: site("c") },
      { multiCluster: site("mc2") },
      { credentials: await credentialsOf(await newAuthority(), "a") },
    ];
    for (const options of wrong)
      await assert.rejects((await tunnel.client(options)).request(get), code("PEER_REFUSED"));
  });

  test("hands the peer's errors on with code and hint, those of its storage with its site, and defects without their text", async () => {
    tunnel.handler = async () => {
      throw new VisibleError("STORE_FULL", "no space", { hint: "add disks" });
    };
    const peer = await tunnel.client();
    await assert.rejects(peer.request(get), (error: unknown) => {
      assert.ok(VisibleError.is(error, "STORE_FULL"));
      assert.deepEqual([error.message, error.hint], ["Site b: no space", "add disks"]);
      return true;
    });
    tunnel.handler = async () => {
      throw new Error("a secret of the implementation");
    };
    await assert.rejects(peer.request(get), (error: unknown) => {
      assert.ok(VisibleError.is(error, "INTERNAL"));
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  test("goes to the next endpoint when one can't be connected, and takes turns between those that can", async () => {
    tunnel.handler = answerWho;
    const second = await TestedServer.start({ authority: tunnel.authority });
    second.handler = async (_request, response) => answerJson(response, 200, "second");
    second.uploads = async () => "second";
    const peer = await tunnel.client({ endpoints: ["127.0.0.1:1", tunnel.endpoint, second.endpoint] });
    const answers: unknown[] = [];
    for (let asked = 0; asked < 6; asked++) answers.push(await peer.request(get));
    assert.ok(answers.filter((answer) => answer === "second").length >= 2, JSON.stringify(answers));
    assert.ok(answers.filter((answer) => answer !== "second").length >= 2, JSON.stringify(answers));
    tunnel.uploads = async () => "first";
    const uploaded: unknown[] = [];
    for (let times = 0; times < 6; times++) uploaded.push(await peer.upload({ path: "/", body: of(), signal }));
    assert.ok(uploaded.filter((answer) => answer === "second").length >= 2, JSON.stringify(uploaded));
    assert.ok(uploaded.filter((answer) => answer === "first").length >= 2, JSON.stringify(uploaded));
    await second.stop(0.1);
  });

  test("fails as a broken link when nobody is there, with the cause", async () => {
    await assert.rejects((await tunnel.client({ endpoints: ["127.0.0.1:1"] })).request(get), (error: unknown) => {
      assert.ok(VisibleError.is(error, "LINK_BROKEN"));
      assert.equal(error.message, "The link to the gateway of site b at 127.0.0.1:1 broke.");
      assert.equal((error.cause as { code: string }).code, "ECONNREFUSED");
      return true;
    });
    assert.throws(
      () => createPeerClient({ ...({} as PeerClientOptions), siteId: site("b"), endpoints: [], log: tunnel.log }),
      code("GATEWAY_ABSENT"),
    );
  });

  test("gives up a peer that accepts and says nothing", async () => {
    const silent: Server = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    assert.ok(address !== null && typeof address === "object");
    const peer = await tunnel.client({ endpoints: [`127.0.0.1:${address.port}`], timeouts: { connectSeconds: 0.2 } });
    await assert.rejects(peer.request(get), code("LINK_BROKEN"));
    await assert.rejects(peer.upload({ path: "/", body: of(), signal }), code("LINK_BROKEN"));
    silent.close();
  });

  test("waits for a peer that says it is still there, and hears its errors after that, too", async () => {
    // Many beats, so that a machine that is busy may leave some out, and the peer
    // takes longer than that.
    const silenceSeconds = 3;
    const peer = await tunnel.client({ timeouts: { silenceSeconds } });
    const busy = () => sleep(1.3 * silenceSeconds * 1000);
    tunnel.handler = async ({ url }, response) => {
      await busy();
      if (url === "/full") throw new VisibleError("STORE_FULL", "no space");
      answerJson(response, 200, "done");
    };
    const piece = Buffer.alloc(1000);
    async function* slow() {
      yield piece;
      await busy();
      yield piece;
    }
    tunnel.uploads = async (upload, identity) => {
      const bytes = await countBytes(upload, identity);
      if (upload.path === "/busy") await busy();
      return bytes;
    };
    await Promise.all([
      peer.request(get).then((answer) => assert.equal(answer, "done")),
      assert.rejects(peer.request({ ...get, path: "/full" }), code("STORE_FULL")),
      peer.upload({ path: "/slow", body: slow(), signal }).then((bytes) => assert.equal(bytes, 2000)),
      peer.upload({ path: "/busy", body: of(piece), signal }).then((bytes) => assert.equal(bytes, 1000)),
    ]);
  });

  test("gives up a peer that has the request and says nothing, and one that is alive and never done", async () => {
    const credentials = await credentialsOf(tunnel.authority, "b");
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
    const over = Promise.withResolvers<void>();
    async function* body() {
      yield Buffer.alloc(1000);
      await over.promise;
    }
    const peer = await tunnel.client({ endpoints, timeouts: { silenceSeconds: 0.3 } });
    await assert.rejects(peer.request(get), says(/said nothing/));
    await assert.rejects(peer.upload({ path: "/", body: body(), signal }), says(/said nothing/));
    over.resolve();
    hung.close();
    for (const socket of sockets) socket.destroy();
    tunnel.handler = () => new Promise(() => undefined);
    tunnel.uploads = () => new Promise(() => undefined);
    const patient = await tunnel.client({ timeouts: { answerSeconds: 0.5 } });
    await assert.rejects(patient.request(get), says(/did not answer within/));
    const alive = patient.upload({ path: "/", body: of(Buffer.alloc(10)), signal });
    await assert.rejects(alive, says(/did not answer within/));
  });

  test("outlives a peer that goes away before its answer", async () => {
    const stop = new AbortController();
    const answered = Promise.withResolvers<void>();
    tunnel.handler = async (_request, response) => {
      const closed = once(response, "close");
      stop.abort(new Error("stopped"));
      await closed;
      answerJson(response, 200, "late");
      setImmediate(answered.resolve);
    };
    const peer = await tunnel.client();
    await assert.rejects(peer.request({ ...get, signal: stop.signal }), /stopped/);
    await answered.promise;
    tunnel.handler = answerWho;
    assert.ok(await peer.request(get));
  });

  test("ends a request by its signal, with the signal's reason", async () => {
    const stop = new AbortController();
    tunnel.handler = async () => stop.abort(new Error("stopped"));
    await assert.rejects((await tunnel.client()).request({ ...get, signal: stop.signal }), /stopped/);
  });
});
