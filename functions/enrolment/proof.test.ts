import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { getRequestListener } from "@hono/node-server";
import { importPKCS8, SignJWT } from "jose";
import { queueCredentialsSchema } from "../../core/api/access.ts";
import type { CertificateAnswer } from "../../core/api/enrolment.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Key } from "../../core/ports/store.ts";
import { askControlPlane } from "../../gateway/enrolment/control-plane.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { proofFor } from "../../pki/proof.ts";
import { createRequest } from "../../pki/request.ts";
import { createApp } from "../api/app.ts";
import { createTestApi, type TestApi, testHost } from "../api/testing.ts";
import { askAsGateway, nonceFor, proofOf, sendProof } from "../api/testing-proof.ts";
import { lastProofKey, refusalKey } from "../documents/records.ts";

const credentials = { path: "/v1/credentials", json: {} };
const identity = {
  multiCluster: siteIdSchema.parse("main"),
  siteId: siteIdSchema.parse("a"),
  gatewayId: gatewayIdSchema.parse("a1"),
};

/** Site a's gateway a1, and what it shows. */
const enrolled = async () => {
  const api = await createTestApi();
  await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
  const { body: invited } = await api.send<{ token: string }>("POST", "/v1/sites/a/enrolments", { gatewayId: "a1" });
  const { requestPem: request, keyPem } = await createRequest(identity);
  const { body } = await api.send<CertificateAnswer>("POST", "/v1/enrol", { request }, invited.token);
  return { api, shown: { certificatePem: body.certificate, keyPem } };
};

/** A request for a certificate of a key that the one who sends it has made. */
const renewal = async () => ({ path: "/v1/renew", json: { request: (await createRequest(identity)).requestPem } });

/** A proof for a request with a nonce that was given just now. */
const freshProof = async (api: TestApi, shown: CertificateWithKey, request: Parameters<typeof proofOf>[1]) =>
  proofOf(shown, request, await nonceFor(api, shown));

const codeOf = ({ status, body }: { readonly status: number; readonly body: unknown }) =>
  `${status} ${(body as { error?: { code: string } }).error?.code}`;

describe("a gateway's proof", () => {
  test("made for /v1/credentials and replayed at /v1/renew with another key gets no certificate", async () => {
    const { api, shown } = await enrolled();
    const proof = await freshProof(api, shown, credentials);
    assert.equal(codeOf(await sendProof(api, { ...(await renewal()), proof })), "401 UNAUTHENTICATED");
    assert.equal((await sendProof(api, { ...credentials, proof })).status, 201, "what it was made for it gets");
    const { body } = await api.send("DELETE", "/v1/sites/a/gateways/a1");
    assert.deepEqual(body, { revoked: 1 }, "there is no other certificate");
  });

  test("made for one path opens no other with the same body", async () => {
    const { api, shown } = await enrolled();
    const request = await renewal();
    const proof = await freshProof(api, shown, request);
    const { path } = credentials;
    assert.equal(codeOf(await sendProof(api, { ...request, path, proof })), "401 UNAUTHENTICATED");
    assert.equal((await sendProof(api, { ...request, proof })).status, 201);
  });

  test("made for one renewal gets none for another key", async () => {
    const { api, shown } = await enrolled();
    const [own, thiefs] = [await renewal(), await renewal()];
    const proof = await freshProof(api, shown, own);
    assert.equal(codeOf(await sendProof(api, { ...thiefs, proof })), "401 UNAUTHENTICATED");
    assert.equal((await sendProof(api, { ...own, proof })).status, 201);
  });

  test("is good once: replayed at its own path it is refused, then and later", async () => {
    const { api, shown } = await enrolled();
    const request = await renewal();
    const proof = await freshProof(api, shown, request);
    assert.equal((await sendProof(api, { ...request, proof })).status, 201);
    const refusals = async () =>
      (await api.deps.store.query({ partition: refusalKey("", "", "").partition, limit: 9 })).items;
    assert.deepEqual(await refusals(), [], "who asks for a nonce has tried nothing");
    assert.equal(codeOf(await sendProof(api, { ...request, proof })), "401 USE_NONCE");
    assert.equal((await refusals()).length, 1, "the audit trail tells of it");
    // Another one in between changes nothing of that.
    assert.equal((await askAsGateway(api, shown, credentials)).status, 201);
    assert.equal(codeOf(await sendProof(api, { ...request, proof })), "401 USE_NONCE");
  });

  test("is good once also when it comes several times at once", async () => {
    const { api, shown } = await enrolled();
    const proof = await freshProof(api, shown, credentials);
    const { store } = api.deps;
    const { get } = store;
    const copies = 8;
    const allLooked = Promise.withResolvers<void>();
    let looked = 0;
    const { sort } = lastProofKey(identity.siteId, identity.gatewayId);
    // Each has seen that none was used before the first of them writes.
    store.get = async <T>(key: Key) => {
      const found = await get<T>(key);
      if (key.sort !== sort) return found;
      looked += 1;
      if (looked === copies) allLooked.resolve();
      await allLooked.promise;
      return found;
    };
    const answers = await Promise.all(Array.from({ length: copies }, () => sendProof(api, { ...credentials, proof })));
    const refused = Array.from({ length: copies - 1 }, () => 401);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, ...refused]);
  });

  test("is worth nothing after 61 s, and lives for 55 s", async () => {
    const { api, shown } = await enrolled();
    for (const [seconds, status] of [
      [61, 401],
      [55.001, 401],
      [55, 201],
    ] as const) {
      const proof = await freshProof(api, shown, credentials);
      api.pass(seconds);
      const answer = await sendProof(api, { ...credentials, proof });
      assert.equal(answer.status, status, `after ${seconds} s`);
    }
  });

  test("for a host that the requester chooses is refused, whatever Host and X-Forwarded-Host say", async () => {
    const { api, shown } = await enrolled();
    for (const host of ["evil.test", "api.test.evil.test", `${testHost}:8443`]) {
      const proof = await freshProof(api, shown, { ...credentials, audience: host });
      const answer = await sendProof(api, { ...credentials, proof, host });
      assert.equal(codeOf(answer), "401 UNAUTHENTICATED", host);
      assert.match(answer.body.error.message, /this control plane is api\.test/);
    }
    const proof = await freshProof(api, shown, credentials);
    assert.equal((await sendProof(api, { ...credentials, proof, host: "evil.test" })).status, 201);
  });

  test("can't be made ahead of time: a nonce that was not given is none, and one of the future neither", async () => {
    const { api, shown } = await enrolled();
    const [at = "", mac = ""] = (await nonceFor(api, shown))?.split(".") ?? [];
    assert.equal(Number(at), Date.parse(api.deps.clock.now()));
    const later = `${Number(at) + 1000}`;
    for (const nonce of [`${later}.${mac}`, at, `${at}.`, `.${mac}`, `${at}.${mac}x`, "x", "", `0${at}.${mac}`]) {
      const proof = await proofOf(shown, credentials, nonce);
      assert.equal(codeOf(await sendProof(api, { ...credentials, proof })), "401 USE_NONCE", nonce);
    }
    api.pass(3600);
    const ofFuture = await freshProof(api, shown, credentials);
    api.pass(-3600);
    assert.equal(codeOf(await sendProof(api, { ...credentials, proof: ofFuture })), "401 USE_NONCE");
  });

  test("is judged alike by functions whose clocks differ by seconds", async () => {
    const { api, shown } = await enrolled();
    const { deps } = api;
    const other = (seconds: number) => ({
      app: createApp({ ...deps, clock: { now: () => addSeconds(deps.clock.now(), seconds) } }),
    });
    for (const seconds of [5, -5]) {
      const proof = await proofOf(shown, credentials, await nonceFor(other(seconds), shown));
      api.pass(0.001);
      assert.equal((await sendProof(api, { ...credentials, proof })).status, 201, `${seconds} s`);
      api.pass(60);
    }
  });

  test("takes no part in what others use up: two gateways' proofs of one instant are both good", async () => {
    const { api, shown } = await enrolled();
    const { body } = await api.send<{ token: string }>("POST", "/v1/sites/a/enrolments", { gatewayId: "a2" });
    const { requestPem: request, keyPem } = await createRequest({ ...identity, gatewayId: "a2" as never });
    const answer = await api.send<CertificateAnswer>("POST", "/v1/enrol", { request }, body.token);
    const second = { certificatePem: answer.body.certificate, keyPem };
    for (const one of [shown, second]) {
      const proof = await freshProof(api, one, credentials);
      assert.equal((await sendProof(api, { ...credentials, proof })).status, 201);
    }
  });

  test("leaves one small document, however many there were, and what a wrong clock has left keeps nobody out", async () => {
    const { api, shown } = await enrolled();
    const lengths: number[] = [];
    for (let proofs = 0; proofs < 50; proofs += 1) {
      assert.equal((await askAsGateway(api, shown, credentials)).status, 201);
      lengths.push((await api.dump()).replaceAll(/"version":\d+/g, "").length);
    }
    assert.equal(new Set(lengths).size, 1);
    for (const days of [10, -10]) {
      api.pass(days * 24 * 3600);
      assert.equal((await askAsGateway(api, shown, credentials)).status, 201, `${days} days`);
    }
  });

  test("of a gateway from before, which says nothing of its request, is refused with what to do", async () => {
    const { api, shown } = await enrolled();
    const nowSeconds = Date.parse(api.deps.clock.now()) / 1000;
    const proof = await new SignJWT()
      .setProtectedHeader({ alg: "ES256", x5c: [new X509Certificate(shown.certificatePem).raw.toString("base64")] })
      .setAudience(testHost)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + 60)
      .sign(await importPKCS8(shown.keyPem, "ES256"));
    const answer = await sendProof(api, { ...credentials, proof });
    assert.equal(codeOf(answer), "401 UNAUTHENTICATED");
    assert.match(answer.body.error.hint ?? "", /older than the control plane: install this version/);
    assert.equal((await askAsGateway(api, shown, await renewal())).status, 201, "once it is new it renews");
  });

  describe("as a gateway makes it", () => {
    const serve = async (t: TestContext, api: TestApi): Promise<string> => {
      const server = createServer(getRequestListener(api.app.fetch)).listen(0, "127.0.0.1");
      await once(server, "listening");
      t.after(() => {
        server.closeAllConnections();
        server.close();
      });
      const address = server.address();
      assert(typeof address === "object" && address !== null);
      const host = `127.0.0.1:${address.port}`;
      Object.assign(api.deps, { audiences: [host] });
      return `http://${host}`;
    };

    test("gets through by the nonce though the gateway's clock is ten minutes, or a year, off", async (t) => {
      const { api, shown } = await enrolled();
      const url = await serve(t, api);
      for (const offSeconds of [0, 600, -600, 365 * 24 * 3600]) {
        api.pass(1);
        const nowMs = Date.parse(api.deps.clock.now()) + offSeconds * 1000;
        const given = await askControlPlane({
          ...{ api: url, path: "/v1/credentials", json: {}, answer: queueCredentialsSchema },
          bearer: (request) => proofFor(request, shown, nowMs),
          signal: t.signal,
        });
        assert.equal(given.sessionToken, "spiffe://main/site/a/gateway/a1", `${offSeconds} s`);
      }
    });
  });
});
