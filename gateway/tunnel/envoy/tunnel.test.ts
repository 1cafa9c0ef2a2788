import assert from "node:assert/strict";
import { type ChildProcess, fork, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { VisibleError } from "../../../core/api/errors.ts";
import type { CertificateWithKey } from "../../../pki/authority.ts";
import { until } from "../../../test/patience.ts";
import { systemTime } from "../../time/time.ts";
import { credentialsOf, newAuthority, site } from "../../transfer/testing/credentials.ts";
import { openTwoSites, writeTo } from "../../transfer/testing/two-sites.ts";
import { answerJson } from "../answer.ts";
import type { PeerClient } from "../client.ts";
import type { PeerHandler } from "../requests.ts";
import type { UploadHandler } from "../upload/server.ts";
import { isListening } from "./admin.ts";
import { findEnvoy } from "./find.ts";
import { envoyPidIn, logged, openTestedEnvoy, type TestedEnvoy } from "./testing/envoys.ts";
import { ask, forgedHead, type RawRequest, strangersTo } from "./testing/strangers.ts";

const signal = new AbortController().signal;
const get = { method: "GET", path: "/v1/who", signal } as const;
const linkBroken = (error: unknown) => VisibleError.is(error, "LINK_BROKEN");

describe("the tunnel through two Envoys", () => {
  let authority: CertificateWithKey;
  let a: TestedEnvoy;
  let b: TestedEnvoy;
  const seen: string[] = [];
  const answerWho: PeerHandler = async (_request, response, identity) => {
    seen.push(identity.siteId);
    answerJson(response, 200, identity);
  };
  const takeFrom: UploadHandler = async ({ path, body }, identity) => {
    if (path === "/v1/late") throw new VisibleError("FENCED", "too late");
    let bytes = 0;
    for await (const chunk of body) bytes += chunk.length;
    return { ...identity, bytes };
  };
  before(async () => {
    authority = await newAuthority();
    [a, b] = await Promise.all(
      ["a", "b"].map((siteId) => openTestedEnvoy({ authority, siteId, handler: answerWho, uploads: takeFrom })) as [
        Promise<TestedEnvoy>,
        Promise<TestedEnvoy>,
      ],
    );
  });
  after(() => Promise.all([a.close(), b.close()]));

  const through = async <T>(use: (peer: PeerClient) => Promise<T>, siteId = "b", endpoints = [b.endpoint]) => {
    const peer = await a.tunnel.connect({ siteId: site(siteId), endpoints, log: a.log, signal });
    try {
      return await use(peer);
    } finally {
      await peer.close();
    }
  };
  const who = { multiCluster: "mc", siteId: "a", gatewayId: "a-1" };

  test("brings requests and uploads with the identity that the certificate names", async () => {
    assert.equal(a.tunnel.kind, "envoy");
    assert.deepEqual(await through((peer) => peer.request(get)), who);
    const content = randomBytes(5_000_000);
    async function* body() {
      for (let at = 0; at < content.length; at += 700_000) yield content.subarray(at, at + 700_000);
    }
    await through(async (peer) => {
      for (let uploads = 0; uploads < 3; uploads++) {
        const answer = await peer.upload({ path: "/v1/what", body: body(), signal });
        assert.deepEqual(answer, { ...who, bytes: content.length });
      }
    });
  });

  test("brings the refusal of an upload, small or without an end, and the next upload", async () => {
    async function* small() {
      yield Buffer.alloc(10);
    }
    async function* endless() {
      for (;;) yield Buffer.alloc(100_000);
    }
    await through(async (peer) => {
      for (const body of [small, endless, small, small]) {
        await assert.rejects(peer.upload({ path: "/v1/late", body: body(), signal }), (error: unknown) =>
          VisibleError.is(error, "FENCED"),
        );
        assert.deepEqual(await peer.upload({ path: "/v1/what", body: small(), signal }), { ...who, bytes: 10 });
      }
    });
  });

  test("reaches a site that moves to another address, and one that is added, without a restart", async () => {
    const other = await openTestedEnvoy({ authority, siteId: "b", handler: answerWho });
    try {
      assert.deepEqual(await through((peer) => peer.request(get), "b", [other.endpoint]), who);
    } finally {
      await other.close();
    }
    const c = await openTestedEnvoy({ authority, siteId: "c", handler: answerWho });
    try {
      assert.deepEqual(await through((peer) => peer.request(get), "c", [c.endpoint]), who);
      assert.deepEqual(await through((peer) => peer.request(get)), who);
    } finally {
      await c.close();
    }
  });

  test("goes to gateways of the wanted site only, and the log says why", async () => {
    await assert.rejects(
      through((peer) => peer.request(get), "d", [b.endpoint]),
      linkBroken,
    );
    await logged(a, ({ text }) => text.includes('"site":"d"') && /SAN_matcher/.test(text));
  });

  test("says that nobody is there when nobody is", async () => {
    await assert.rejects(
      through((peer) => peer.request(get), "e", []),
      (error: unknown) => VisibleError.is(error, "GATEWAY_ABSENT"),
    );
    await assert.rejects(
      through((peer) => peer.request(get), "f", ["127.0.0.1:1"]),
      linkBroken,
    );
    await assert.rejects(
      through((peer) => peer.request(get), "g", ["no-such-host.invalid:1"]),
      linkBroken,
    );
  });

  const askB = async (credentials: RawRequest["credentials"], head = "GET /v1/who HTTP/1.1\r\nhost: x\r\n\r\n") => {
    const port = Number(b.endpoint.split(":")[1]);
    return (await ask({ host: "127.0.0.1", port, credentials, head })).answer;
  };

  test("lets no stranger in, and the log says why each was refused", async () => {
    const before = seen.length;
    for (const { name, credentials, reason } of await strangersTo(authority, "mc")) {
      assert.doesNotMatch(await askB(credentials), /HTTP/, name);
      await logged(b, ({ message, text }) => message.includes("refused in the handshake") && reason.test(text));
    }
    assert.equal(seen.length, before, "no request has come through");
  });

  test("tells the receiver who the certificate is of, whatever the peer says of itself", async () => {
    const head = `${forgedHead("GET", "/v1/who", "spiffe://mc/site/z/gateway/z-1")}\r\n`;
    assert.match(await askB(await credentialsOf(authority, "a"), head), /"siteId":"a"/);
    assert.equal(seen.at(-1), "a");
  });

  test("passes nothing on but the protocol's paths, and upgrades to nothing but uploads", async () => {
    const credentials = await credentialsOf(authority, "a");
    const head = "GET /stats HTTP/1.1\r\nhost: x\r\n\r\n";
    assert.match(await askB(credentials, head), /^HTTP\/1.1 40[34]/);
    const websocket = "GET /v1/uploads HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    assert.match(await askB(credentials, websocket), /^HTTP\/1.1 4/);
  });

  test("takes up renewed certificates in the middle of a body, without an error", async () => {
    const port = Number(b.endpoint.split(":")[1]);
    const serialOf = async () => {
      const { caPem, certificatePem, keyPem } = await credentialsOf(authority, "a");
      const socket = connect({
        ...{ host: "127.0.0.1", port, ca: caPem, cert: certificatePem, key: keyPem },
        checkServerIdentity: () => undefined,
      });
      await once(socket, "secureConnect");
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const before = await serialOf();
    const piece = randomBytes(300_000);
    async function* body() {
      for (let pieces = 0; pieces < 20; pieces++) {
        if (pieces === 5) await a.tunnel.renew(await credentialsOf(authority, "a"));
        if (pieces === 10) await b.tunnel.renew(await credentialsOf(authority, "b"));
        if (pieces > 10) await until("Envoy to take up the new certificate", async () => (await serialOf()) !== before);
        yield piece;
      }
    }
    const upload = { path: "/v1/what", body: body(), signal };
    assert.deepEqual(await through((peer) => peer.upload(upload)), { ...who, bytes: 6_000_000 });
    assert.deepEqual(await through((peer) => peer.request(get)), who);
  });

  test("brings signs of life while the peer works, and gives a peer up whose Envoy hangs", async () => {
    const held = Promise.withResolvers<void>();
    const slow = await openTestedEnvoy({
      ...{ authority, siteId: "h", timeouts: { beatSeconds: 0.1 } },
      handler: async (_request, response) => {
        await held.promise;
        answerJson(response, 200, "done");
      },
    });
    const timeouts = { silenceSeconds: 3 };
    const peer = await a.tunnel.connect({
      ...{ siteId: site("h"), endpoints: [slow.endpoint], log: a.log, timeouts, signal },
    });
    const pid = await envoyPidIn(slow.dir);
    assert(pid !== undefined);
    try {
      const answer = peer.request(get);
      // Without beats it would have been given up.
      await sleep(1.3 * timeouts.silenceSeconds * 1000);
      held.resolve();
      assert.equal(await answer, "done");
      process.kill(pid, "SIGSTOP");
      await assert.rejects(
        peer.request(get),
        (error: unknown) => VisibleError.is(error, "LINK_BROKEN") && /said nothing for 3 s/.test(error.message),
      );
    } finally {
      process.kill(pid, "SIGCONT");
      await peer.close();
      await slow.close();
    }
  });

  test("lives on when Envoy dies: it is started again", async () => {
    const pid = await envoyPidIn(b.dir);
    assert(pid !== undefined);
    process.kill(pid, "SIGKILL");
    await logged(b, ({ message }) => message.includes("Envoy has died"));
    await until("a request to come through", async () => {
      const answer = await through((peer) => peer.request(get)).catch((error: unknown) => error);
      if (answer instanceof Error) return false;
      assert.deepEqual(answer, who);
      return true;
    });
  });

  test("carries a transfer", async () => {
    const sites = await openTwoSites();
    const target = await openTestedEnvoy({ authority, siteId: "t", ...sites.receiver });
    try {
      const geometry = { extentBytes: 1024 * 1024, stripeCount: 1, stripeBytes: 1024 * 1024 };
      const volume = await sites.createVolume("v", 3 * geometry.extentBytes, geometry);
      await writeTo(sites.source, volume, [{ offset: 4096, data: randomBytes(2_000_000) }]);
      await sites.snapshot(volume, 1);
      const { mirrorVolumeId } = await through((peer) => sites.send(volume, 1, null, { peer }), "t", [target.endpoint]);
      await sites.publish(mirrorVolumeId, 1);
      await sites.assertEqual(1);
    } finally {
      await target.close();
      await sites.close();
    }
  });

  test("ends with its Envoy and its sockets", async () => {
    const short = await openTestedEnvoy({ authority, siteId: "s", handler: answerWho });
    assert.equal(await isListening(`${short.dir}/admin.sock`), true);
    await short.tunnel.stop(1);
    assert.equal(await isListening(`${short.dir}/admin.sock`), false);
    await short.close();
  });
});

test("an Envoy that can't have its port is told so at the start, and nothing is left behind", async () => {
  const authority = await newAuthority();
  const handler: PeerHandler = async () => assert.fail("nobody may come");
  const first = await openTestedEnvoy({ authority, siteId: "a", handler });
  try {
    const port = Number(first.endpoint.split(":")[1]);
    await assert.rejects(openTestedEnvoy({ authority, siteId: "b", handler, port }), (error: unknown) =>
      VisibleError.is(error, "INTERNAL"),
    );
  } finally {
    await first.close();
  }
});

test("a tunnel whose Envoy can't be started again ends with the reason", async () => {
  const handler: PeerHandler = async () => assert.fail("nobody may come");
  // Nobody waits long here for what keeps dying.
  const time = {
    ...systemTime,
    sleep: (ms: number, waited: AbortSignal) => systemTime.sleep(Math.min(ms, 50), waited),
  };
  const short = await openTestedEnvoy({ authority: await newAuthority(), siteId: "a", handler, time });
  try {
    const pid = await envoyPidIn(short.dir);
    assert(pid !== undefined);
    await rm(`${short.dir}/bootstrap.json`);
    process.kill(pid, "SIGKILL");
    await assert.rejects(short.tunnel.ended, (error) => VisibleError.is(error, "PROCESS_LOST"));
  } finally {
    await short.close();
  }
});

test("Envoy ends when its gateway is killed", async () => {
  const owner = fork(new URL("./testing/envoy-owner.ts", import.meta.url));
  const failed = once(owner, "exit").then(([code]) => assert.fail(`the owner ended with ${code}`));
  const [{ dir }] = (await Promise.race([once(owner, "message"), failed])) as [{ dir: string }];
  failed.catch(() => undefined);
  assert.notEqual(await envoyPidIn(dir), undefined);
  owner.kill("SIGKILL");
  await until("Envoy to end", async () => (await envoyPidIn(dir)) === undefined);
  await rm(dir, { recursive: true });
});

test("an Envoy that somebody else runs beside the gateway does as well, and is left alone at the end", async () => {
  const authority = await newAuthority();
  let beside: ChildProcess | undefined;
  const handler: PeerHandler = async (_request, response, identity) => answerJson(response, 200, identity);
  const own = await openTestedEnvoy({
    ...{ authority, siteId: "a", handler, envoy: "beside" },
    onDir: async (dir) => {
      while (!existsSync(`${dir}/bootstrap.json`)) await sleep(10);
      const args = ["-c", `${dir}/bootstrap.json`, "--disable-hot-restart"];
      beside = spawn(await findEnvoy("auto"), args, { stdio: "ignore" });
    },
  });
  try {
    const peer = await own.tunnel.connect({ siteId: site("a"), endpoints: [own.endpoint], log: own.log, signal });
    assert.deepEqual(await peer.request(get), { multiCluster: "mc", siteId: "a", gatewayId: "a-1" });
    await peer.close();
    await own.tunnel.stop(1);
    assert.equal(await isListening(`${own.dir}/admin.sock`), true);
  } finally {
    beside?.kill();
    await own.close();
  }
});
