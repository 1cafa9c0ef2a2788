import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { VisibleError } from "../../core/api/errors.ts";
import { type Authority, createAuthority, issueCertificate } from "../../pki/authority.ts";
import { createRequest, readRequest } from "../../pki/request.ts";
import { issueRevocations } from "../../pki/revocations.ts";
import { manualTime } from "../agent/testing.ts";
import { type GatewayConfig, parseGatewayConfig } from "../config/config.ts";
import { loadCredentials } from "../credentials/credentials.ts";
import { createMemoryLog } from "../transfer/testing/memory-log.ts";
import { enrolGateway } from "./enrol.ts";
import { writeIssued } from "./files.ts";
import { obtainCertificate } from "./obtain.ts";
import { keepRenewed, renewalDueMs } from "./renew.ts";

const code = (expected: string) => (error: unknown) => VisibleError.is(error, expected as never);
const dayMs = 24 * 60 * 60 * 1000;

/**
 * The part of the control plane that enrols and renews, with one authority and answers that a test
 * may spoil.
 */
class ControlPlane {
  readonly requests: { readonly path: string; readonly bearer: string }[] = [];
  /** What is answered in place of a certificate, first come first served. */
  readonly refusals: (readonly [status: number, body: unknown])[] = [];
  gatewayId = "a1";
  nowMs = Date.now();
  readonly authority: Authority;
  readonly #server: Server;

  private constructor(authority: Authority) {
    this.authority = authority;
    this.#server = createServer(async (request, response) => {
      const bearer = request.headers.authorization?.replace("Bearer ", "") ?? "";
      this.requests.push({ path: request.url ?? "", bearer });
      const [status, body] = this.refusals.shift() ?? [201, await this.#issue(await text(request))];
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  }

  static async start(): Promise<ControlPlane> {
    const controlPlane = new ControlPlane(await createAuthority({ multiCluster: "mc" }));
    await new Promise<void>((resolve) => controlPlane.#server.listen(0, "127.0.0.1", resolve));
    return controlPlane;
  }

  get api(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #issue(body: string) {
    const issued = await issueCertificate(this.authority, {
      identity: { multiCluster: "mc", siteId: "a", gatewayId: this.gatewayId } as never,
      publicKey: await readRequest(JSON.parse(body).request),
      nowMs: this.nowMs,
    });
    return {
      certificate: issued.certificatePem,
      authority: this.authority.certificatePem,
      revocations: null,
      expiresAt: new Date(issued.notAfterMs).toISOString(),
    };
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe("a gateway", () => {
  let dir: string;
  let controlPlane: ControlPlane;
  let config: GatewayConfig & { api: string };
  const signal = new AbortController().signal;
  before(async () => {
    controlPlane = await ControlPlane.start();
  });
  after(() => controlPlane.stop());
  afterEach(() => rm(dir, { recursive: true }));
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "enrol-"));
    const { api } = controlPlane;
    const parsed = parseGatewayConfig(
      {
        ...{ gatewayId: "a1", siteId: "a", multiCluster: "mc", api, queues: { prefix: "x" } },
        storage: { kind: "extentstore", dir: "store" },
        tls: { ca: "tls/ca.crt", certificate: "tls/a1.crt", key: "tls/a1.key" },
      },
      join(dir, "gateway.yaml"),
    );
    config = { ...parsed, api };
    controlPlane.requests.length = 0;
    controlPlane.gatewayId = "a1";
    controlPlane.nowMs = Date.now();
  });

  test("enrols: its key is made here, and what it needs is in its files, the key for its user alone", async () => {
    const { expiresAt } = await enrolGateway(config, { token: "smtxe_x", signal });
    const { certificatePem, keyPem, caPem } = await loadCredentials(config);
    assert.ok(new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem)));
    assert.equal(new Date(new X509Certificate(certificatePem).validTo).toISOString(), expiresAt);
    assert.equal(caPem, controlPlane.authority.certificatePem);
    assert.equal((await stat(config.tls.key)).mode & 0o777, 0o600);
    assert.deepEqual(controlPlane.requests, [{ path: "/v1/enrol", bearer: "smtxe_x" }]);
  });

  test("that is refused is told why, and its files stay as they were", async () => {
    await enrolGateway(config, { token: "t", signal });
    const before = await loadCredentials(config);
    const error = { code: "UNAUTHENTICATED", message: "The token was used.", hint: "Ask for another." };
    controlPlane.refusals.push([401, { error }]);
    await assert.rejects(enrolGateway(config, { token: "t", signal }), (thrown: unknown) => {
      assert.ok(VisibleError.is(thrown, "UNAUTHENTICATED"));
      assert.deepEqual([thrown.message, thrown.hint], [error.message, error.hint]);
      return true;
    });
    controlPlane.refusals.push([200, "<html>"], [502, { message: "bad gateway" }]);
    await assert.rejects(enrolGateway(config, { token: "t", signal }), code("LINK_BROKEN"));
    await assert.rejects(enrolGateway(config, { token: "t", signal }), code("LINK_BROKEN"));
    controlPlane.gatewayId = "a2";
    await assert.rejects(enrolGateway(config, { token: "t", signal }), code("PEER_REFUSED"));
    assert.deepEqual(await loadCredentials(config), before);
  });

  test("without an API in its configuration, or with nobody there, is told what to do", async () => {
    const { api: _, ...without } = config;
    await assert.rejects(enrolGateway(without, { token: "t", signal }), code("BAD_REQUEST"));
    const nobody = { ...config, api: "http://127.0.0.1:1" };
    await assert.rejects(enrolGateway(nobody, { token: "t", signal }), code("LINK_BROKEN"));
  });

  test("that died while it put a new certificate into its files finds a key that fits, wherever it died", async () => {
    await enrolGateway(config, { token: "t", signal });
    const old = await loadCredentials(config);
    const { tls } = config;
    // Before the certificate was there: the old pair holds.
    await writeFile(
      `${tls.key}.next`,
      createPrivateKey(old.keyPem).export({ type: "pkcs8", format: "pem" }).slice(0, 90),
    );
    assert.deepEqual(await loadCredentials(config), old);
    await enrolGateway(config, { token: "t", signal });
    const renewed = await loadCredentials(config);
    assert.notEqual(renewed.keyPem, old.keyPem);
    // After the certificate was there, and before the key took its place.
    await rename(tls.key, `${tls.key}.next`);
    await writeFile(tls.key, old.keyPem);
    assert.deepEqual(await loadCredentials(config), renewed);
    assert.equal(await readFile(tls.key, "utf8"), renewed.keyPem);
  });

  test("renews its certificate when two thirds of its life are over, with a new key and a proof of the old one", async () => {
    const startMs = Date.now();
    controlPlane.nowMs = startMs - 9 * dayMs;
    await enrolGateway(config, { token: "t", signal });
    let current = await loadCredentials(config);
    const first = current;
    const time = manualTime(startMs);
    const stop = new AbortController();
    const renewed = Promise.withResolvers<void>();
    const renewing = keepRenewed({
      config,
      current: () => current,
      onRenewed: async () => {
        current = await loadCredentials(config);
        renewed.resolve();
      },
      onRemoved: (error) => assert.fail(error),
      ...{ time, log: createMemoryLog(), signal: stop.signal },
    });
    const dueMs = renewalDueMs(first.certificatePem) - startMs;
    assert.ok(Math.abs(dueMs / dayMs - (14 * (2 / 3) - 9)) < 0.01, `${dueMs / dayMs} days`);
    controlPlane.requests.length = 0;
    await time.advance(dueMs - 1000);
    assert.equal(controlPlane.requests.length, 0);
    controlPlane.nowMs = startMs + dueMs;
    await time.advance(2000);
    await renewed.promise;
    stop.abort();
    await renewing;
    const [request] = controlPlane.requests;
    assert.equal(request?.path, "/v1/renew");
    assert.equal(decodeJwt(request?.bearer ?? "").aud, new URL(config.api).host);
    const shown = decodeProtectedHeader(request?.bearer ?? "").x5c?.[0] ?? "";
    assert.equal(
      new X509Certificate(Buffer.from(shown, "base64")).serialNumber,
      new X509Certificate(first.certificatePem).serialNumber,
    );
    assert.notEqual(current.keyPem, first.keyPem);
    assert.ok(Date.parse(new X509Certificate(current.certificatePem).validTo) > startMs + 14 * dayMs);
  });

  for (const [what, daysOff] of [
    ["has expired while the host slept", -20],
    ["was given by a clock half a year ahead and is not valid yet", 180],
  ] as const) {
    test(`renews within a minute a certificate that ${what}, and goes on`, async () => {
      const startMs = Date.now();
      controlPlane.nowMs = startMs;
      await enrolGateway(config, { token: "t", signal });
      let current = await loadCredentials(config);
      let nowMs = startMs;
      const stop = new AbortController();
      const sleeps: number[] = [];
      const renewed: number[] = [];
      await keepRenewed({
        config,
        current: () => current,
        onRenewed: async () => {
          current = await loadCredentials(config);
          renewed.push(nowMs);
        },
        onRemoved: (error) => assert.fail(error),
        time: {
          nowMs: () => nowMs,
          sleep: async (ms) => {
            sleeps.push(ms);
            // The host sleeps, or its clock and the control plane's are put right.
            nowMs += ms - (sleeps.length === 2 ? daysOff * dayMs : 0);
            controlPlane.nowMs = nowMs;
            if (sleeps.length === 5) stop.abort();
          },
        },
        ...{ log: createMemoryLog(), signal: stop.signal },
      });
      assert.ok(sleeps.every((ms) => ms <= 60_000));
      assert.equal(renewed.length, 1);
      assert.ok(Math.abs(Date.parse(new X509Certificate(current.certificatePem).validTo) - nowMs - 14 * dayMs) < dayMs);
    });
  }

  test("gets another when what comes with it is needed, and does not ask without end", async () => {
    await enrolGateway(config, { token: "t", signal });
    const current = await loadCredentials(config);
    controlPlane.requests.length = 0;
    const stop = new AbortController();
    const pauses: number[] = [];
    await keepRenewed({
      ...{ config, current: () => current, isWanted: () => true, onRenewed: async () => undefined },
      onRemoved: (error) => assert.fail(error),
      time: {
        nowMs: () => Date.now(),
        sleep: async (ms) => {
          pauses.push(ms / 60_000);
          if (pauses.length === 8) stop.abort();
        },
      },
      ...{ log: createMemoryLog(), signal: stop.signal, chance: () => 0.5 },
    });
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert.equal(controlPlane.requests.length, 8);
  });

  test("hears the control plane's time from what it answers, and from what it refuses", async () => {
    const heard: (string | undefined)[] = [];
    const asking = {
      path: "/v1/renew",
      bearer: () => "b",
      what: "It",
      signal,
      heard: (date?: string) => heard.push(date),
    };
    await obtainCertificate(config, asking);
    controlPlane.refusals.push([401, { error: { code: "UNAUTHENTICATED", message: "No." } }]);
    await assert.rejects(obtainCertificate(config, asking), code("UNAUTHENTICATED"));
    assert.equal(heard.length, 2);
    for (const date of heard) assert.ok(Math.abs(Date.parse(date ?? "") - Date.now()) < 60_000);
  });

  test("asks again, ever later, while it can't renew, and the log says why and until when it is good", async () => {
    controlPlane.nowMs = Date.now() - 10 * dayMs;
    await enrolGateway(config, { token: "t", signal });
    const current = await loadCredentials(config);
    controlPlane.requests.length = 0;
    const log = createMemoryLog();
    const stop = new AbortController();
    const pauses: number[] = [];
    controlPlane.refusals.push(...Array.from({ length: 9 }, () => [503, {}] as const));
    await keepRenewed({
      config,
      current: () => current,
      onRenewed: async () => assert.fail("it was not renewed"),
      onRemoved: (error) => assert.fail(error),
      time: {
        nowMs: () => Date.now(),
        sleep: async (ms) => {
          pauses.push(ms / 60_000);
          if (pauses.length === 9) stop.abort();
        },
      },
      ...{ log, signal: stop.signal, chance: () => 0.5 },
    });
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert.equal(controlPlane.requests.length, 9);
    assert.match(log.lines[0]?.message ?? "", /could not be renewed/);
    assert.ok("validTo" in (log.lines[0]?.fields ?? {}));
  });

  test("that was removed stops renewing, and says so", async () => {
    controlPlane.nowMs = Date.now() - 10 * dayMs;
    await enrolGateway(config, { token: "t", signal });
    const current = await loadCredentials(config);
    controlPlane.refusals.push([403, { error: { code: "GATEWAY_REMOVED", message: "It was removed." } }]);
    const removed: string[] = [];
    await keepRenewed({
      ...{ config, current: () => current, time: manualTime(Date.now()), log: createMemoryLog(), signal },
      onRenewed: async () => assert.fail("it was not renewed"),
      onRemoved: ({ code }) => removed.push(code),
    });
    assert.deepEqual(removed, ["GATEWAY_REMOVED"]);
    assert.deepEqual(await loadCredentials(config), current);
  });

  test("asks for nothing while its files can't be written, so the token is not used up", async () => {
    await writeFile(join(dir, "tls"), "a file where a folder should be");
    await assert.rejects(enrolGateway(config, { token: "t", signal }), /is no folder/);
    assert.equal(controlPlane.requests.length, 0);
  });

  test("with a key that is not its certificate's is told so at the start", async () => {
    await enrolGateway(config, { token: "t", signal });
    const { keyPem } = await createRequest({ multiCluster: "mc", siteId: "a", gatewayId: "a1" } as never);
    await writeFile(config.tls.key, keyPem);
    await assert.rejects(loadCredentials(config), /is not that of the certificate/);
  });

  test("keeps the list of revocations that comes with its certificate", async () => {
    await enrolGateway(config, { token: "t", signal });
    const { certificatePem, caPem } = await loadCredentials(config);
    const revocations = await issueRevocations(controlPlane.authority, {
      revoked: [{ serial: "ab", revokedAtMs: 0 }],
      atMs: Date.parse("2026-01-01T00:00:00Z"),
    });
    const answer = { certificate: certificatePem, authority: caPem, revocations, expiresAt: "" as never };
    await writeIssued(config.tls, answer);
    assert.deepEqual([...((await loadCredentials(config)).revocations?.serials ?? [])], ["ab"]);
    const ofFuture = await issueRevocations(controlPlane.authority, { revoked: [], atMs: Date.now() + 180 * dayMs });
    await writeFile(config.tls.revocations, ofFuture);
    assert.ok((await loadCredentials(config)).revocations !== undefined, "the control plane will give another");
    const { api: _, ...alone } = config;
    await assert.rejects(loadCredentials(alone), /of the future: see that this host's clock is right/);
    await writeFile(config.tls.revocations, "garbage");
    await assert.rejects(loadCredentials(config), code("BAD_REQUEST"));
    await writeIssued(config.tls, { ...answer, revocations: null });
    assert.equal((await loadCredentials(config)).revocations, undefined, "an old list does not stay");
  });
});
