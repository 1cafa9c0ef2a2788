import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import type { z } from "zod";
import type { ErrorBody, GatewayAnswer } from "../../core/api/answers.ts";
import type { AuditEntry } from "../../core/api/audit.ts";
import type { CertificateAnswer, enrolmentCreatedSchema } from "../../core/api/enrolment.ts";
import { gatewayIdSchema, type Instant, siteIdSchema } from "../../core/api/ids.ts";
import { createAuthority, issueCertificate } from "../../pki/authority.ts";
import { createRequest, readRequest } from "../../pki/request.ts";
import { plainSerial, readRevocations } from "../../pki/revocations.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { handleReport } from "../report.ts";
import { handleSweep } from "../sweep.ts";
import { createTestApi, type TestApi } from "./testing.ts";
import { askAsGateway, nonceFor, proofOf } from "./testing-proof.ts";

const identity = {
  multiCluster: siteIdSchema.parse("main"),
  siteId: siteIdSchema.parse("a"),
  gatewayId: gatewayIdSchema.parse("a1"),
};
const day = 24 * 3600;

const withSites = async () => {
  const api = await createTestApi();
  for (const id of ["a", "b"]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
  return api;
};

const invite = async (api: TestApi) =>
  (await api.send<z.infer<typeof enrolmentCreatedSchema>>("POST", "/v1/sites/a/enrolments", { gatewayId: "a1" })).body;

const enrolled = async (api: TestApi) => {
  const { token } = await invite(api);
  const { requestPem, keyPem } = await createRequest(identity);
  const { status, body } = await api.send<CertificateAnswer>("POST", "/v1/enrol", { request: requestPem }, token);
  assert.equal(status, 201);
  return { token, keyPem, certificatePem: body.certificate, answer: body };
};

const renew = async (
  api: TestApi,
  shown: { readonly certificatePem: string; readonly keyPem: string },
  more: { readonly audience?: string } = {},
) => {
  const { requestPem } = await createRequest(identity);
  return askAsGateway<CertificateAnswer>(api, shown, { path: "/v1/renew", json: { request: requestPem }, ...more });
};

const askForCredentials = <T = ErrorBody>(api: TestApi, shown: Parameters<typeof renew>[1]) =>
  askAsGateway<T>(api, shown, { path: "/v1/credentials", json: {} });

const codeOf = (answer: { readonly status: number; readonly body: unknown }) => {
  const { error } = answer.body as { error?: { code: string } };
  return `${answer.status} ${error?.code}`;
};

const alive = (api: TestApi, settings: object = { version: 0, gateways: 1 }) =>
  handleReport(api.deps, {
    kind: "alive",
    gateway: {
      id: "a1",
      siteId: "a",
      endpoint: "127.0.0.1:1",
      tunnel: "envoy",
      version: "1",
      storage: "extentstore",
      settings,
    },
  });

describe("enrolling a gateway", () => {
  test("gives it a certificate for the key that it made, with the name that it was invited by", async () => {
    const api = await withSites();
    const { keyPem, answer } = await enrolled(api);
    const certificate = new X509Certificate(answer.certificate);
    assert.equal(certificate.subjectAltName, "URI:spiffe://main/site/a/gateway/a1");
    assert.ok(certificate.verify(new X509Certificate(answer.authority).publicKey));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)));
    assert.equal(new Date(certificate.validTo).toISOString(), answer.expiresAt);
    assert.equal(answer.expiresAt, "2026-03-15T00:30:00.000Z", "two weeks");
    assert.equal(answer.revocations, null);
  });

  test("takes a token once, within 15 minutes, and stores none", async () => {
    const api = await withSites();
    const { token } = await enrolled(api);
    const { requestPem: request } = await createRequest(identity);
    assert.equal(codeOf(await api.send("POST", "/v1/enrol", { request }, token)), "401 UNAUTHENTICATED");
    const late = await invite(api);
    const [, , secret] = late.token.split("_");
    assert.ok(secret !== undefined && !(await api.dump()).includes(secret));
    api.pass(15 * 60);
    assert.equal(codeOf(await api.send("POST", "/v1/enrol", { request }, late.token)), "401 UNAUTHENTICATED");
  });

  test("takes a token once also when it comes several times at once", async () => {
    const api = await withSites();
    const { token } = await invite(api);
    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { requestPem: request } = await createRequest(identity);
        return (await api.send("POST", "/v1/enrol", { request }, token)).status;
      }),
    );
    assert.deepEqual(answers.sort(), [201, 401, 401, 401]);
  });

  test("refuses what is no request, or is not signed by its key, and the token stays good", async () => {
    const api = await withSites();
    const { token } = await invite(api);
    const { requestPem } = await createRequest(identity);
    const lines = requestPem.trim().split("\n");
    // A bit of the signature, which is last.
    const bytes = Buffer.from(lines.slice(1, -1).join(""), "base64");
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
    const forged = [lines[0], bytes.toString("base64"), lines.at(-1)].join("\n");
    for (const request of ["", "x", forged]) {
      assert.equal(codeOf(await api.send("POST", "/v1/enrol", { request }, token)), "400 BAD_REQUEST");
    }
    assert.equal((await api.send("POST", "/v1/enrol", { request: requestPem }, token)).status, 201);
  });

  test("takes no token that was made when the clock was ahead: it would be good for as long", async () => {
    const api = await withSites();
    api.pass(180 * day);
    const { token } = await invite(api);
    api.pass(-180 * day);
    const { requestPem: request } = await createRequest(identity);
    assert.equal(codeOf(await api.send("POST", "/v1/enrol", { request }, token)), "401 UNAUTHENTICATED");
  });

  test("is not offered where there is no authority, or no such site", async () => {
    const api = await withSites();
    await api.send("POST", "/v1/sites", { id: "x", multiCluster: "elsewhere" });
    const at = (site: string) => api.send("POST", `/v1/sites/${site}/enrolments`, { gatewayId: "x1" });
    assert.equal(codeOf(await at("x")), "422 AUTHORITY_MISSING");
    assert.equal(codeOf(await at("nowhere")), "404 SITE_UNKNOWN");
  });
});

describe("renewing a certificate", () => {
  test("takes a proof of the one before, which goes on being good", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    api.pass(9 * 24 * 3600);
    const { status, body } = await renew(api, first);
    assert.equal(status, 201);
    assert.equal(new X509Certificate(body.certificate).subjectAltName, "URI:spiffe://main/site/a/gateway/a1");
    assert.equal(body.expiresAt, "2026-03-24T00:30:00.000Z");
    assert.equal((await renew(api, first)).status, 201);
  });

  test("refuses every proof but that of the key of a good certificate of the authority, made for this host", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    const nowMs = Date.parse(api.deps.clock.now());
    const stranger = await createAuthority({ multiCluster: "main", nowMs });
    const foreign = await issueGatewayCertificate(stranger, { ...identity, validDays: 1, nowMs });
    const ofAuthority = await api.deps.authorities.of(identity.multiCluster);
    const expired = await issueGatewayCertificate(ofAuthority, { ...identity, validDays: 1, nowMs: nowMs - 2 * 864e5 });
    const other = await createRequest(identity);
    const refused = async (...args: Parameters<typeof renew> extends [unknown, ...infer R] ? R : never) =>
      assert.equal(codeOf(await renew(api, ...args)), "401 UNAUTHENTICATED");
    await refused(foreign);
    await refused(expired);
    await refused({ ...first, keyPem: other.keyPem });
    await refused(first, { audience: "other.test" });
    assert.equal((await renew(api, first)).status, 201);
  });

  test("is possible for 90 days after it has expired, for who was given it and was not removed", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    api.pass((14 + 89) * day);
    const { status, body } = await renew(api, first);
    assert.deepEqual([status, body.expiresAt], [201, "2026-06-26T00:30:00.000Z"]);
    api.pass(2 * day);
    const late = await renew(api, first);
    assert.equal(codeOf(late), "401 UNAUTHENTICATED");
    assert.match(JSON.stringify(late.body), /expired on 2026-03-15.*gateway enrol/);
    api.pass(-20 * day);
    await api.send("DELETE", "/v1/sites/a/gateways/a1");
    assert.equal(codeOf(await renew(api, first)), "403 GATEWAY_REMOVED");
  });

  test("opens nothing but another certificate to who has an expired one", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    api.pass(15 * day);
    const answer = await askForCredentials(api, first);
    assert.equal(codeOf(answer), "401 UNAUTHENTICATED");
    assert.match(answer.body.error.message, /expired on 2026-03-15.*it is 2026-03-16/);
  });

  test("stays refused to a gateway that enrolled anew after its removal and shows what it had before, however long ago", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    await api.send("DELETE", "/v1/sites/a/gateways/a1");
    await enrolled(api);
    for (let weeks = 0; weeks < 14; weeks += 1) {
      assert.equal(codeOf(await renew(api, first)), "403 GATEWAY_REMOVED");
      api.pass(7 * day);
    }
  });

  test("is possible with one that a clock half a year ahead has given, which nobody believes yet", async () => {
    const api = await withSites();
    api.pass(180 * day);
    const first = await enrolled(api);
    api.pass(-180 * day);
    const answer = await askForCredentials(api, first);
    assert.match(answer.body.error.message, /not valid before 2026-08-28.*see the clocks/);
    const { status, body } = await renew(api, first);
    assert.deepEqual([status, body.expiresAt], [201, "2026-03-15T00:30:00.000Z"]);
  });

  test("is of no use for anything else, and an API token is of none for it", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    const proof = await proofOf(first, { path: "/v1/sites", json: {} }, await nonceFor(api, first));
    assert.equal((await api.send("GET", "/v1/sites", undefined, proof)).status, 401);
    const { requestPem: request } = await createRequest(identity);
    assert.equal((await api.send("POST", "/v1/renew", { request }, await api.token())).status, 401);
    assert.equal((await api.send("POST", "/v1/enrol", { request }, await api.token())).status, 401);
  });
});

describe("credentials for the queues", () => {
  test("are given to a gateway that proves who it is, and no longer when it was removed", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    const ask = () => askForCredentials<{ sessionToken: string }>(api, first);
    const { status, body } = await ask();
    assert.deepEqual([status, body.sessionToken], [201, "spiffe://main/site/a/gateway/a1"]);
    assert.equal(codeOf(await api.send("POST", "/v1/credentials", {}, await api.token())), "401 UNAUTHENTICATED");
    await api.send("DELETE", "/v1/sites/a/gateways/a1");
    assert.equal(codeOf(await ask()), "403 GATEWAY_REMOVED");
  });
});

describe("removing a gateway", () => {
  const remove = (api: TestApi, gateway = "a1") =>
    api.send<{ revoked: number }>("DELETE", `/v1/sites/a/gateways/${gateway}`);
  const gateways = async (api: TestApi) =>
    (await api.send<{ items: GatewayAnswer[] }>("GET", "/v1/sites/a/gateways")).body.items.map(({ id }) => id);

  test("revokes all its certificates, and tells the gateways that report", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    await alive(api);
    api.deps.tasks.takeAll(identity.siteId);
    const second = (await renew(api, first)).body;
    assert.deepEqual(await remove(api), { status: 200, body: { revoked: 2 } });
    assert.deepEqual(await gateways(api), []);
    await alive(api);
    assert.deepEqual(await gateways(api), [], "what it says does not count");
    const [told] = api.deps.tasks.takeAll(identity.siteId);
    assert(told?.task.kind === "settings" && told.task.revocations !== undefined, "it is told itself, too");
    const { serials } = await readRevocations(told.task.revocations.pem, first.answer.authority);
    const serialOf = (pem: string) => new X509Certificate(pem).serialNumber.toLowerCase().replace(/^0+/, "");
    assert.deepEqual(serials, new Set([serialOf(first.certificatePem), serialOf(second.certificate)]));
    await alive(api, { version: 0, gateways: 1, revocationsAt: told.task.revocations.issuedAt });
    assert.deepEqual(api.deps.tasks.takeAll(identity.siteId), [], "who has the list is not told again");
  });

  test("takes its certificates' use here away, until it enrols again", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    const invitedBefore = await invite(api);
    await remove(api);
    assert.equal(codeOf(await renew(api, first)), "403 GATEWAY_REMOVED");
    const { requestPem: request } = await createRequest(identity);
    const early = await api.send("POST", "/v1/enrol", { request }, invitedBefore.token);
    assert.equal(codeOf(early), "401 UNAUTHENTICATED", "an invitation from before does not bring it back");
    api.pass(1);
    const again = await enrolled(api);
    assert.notEqual(again.answer.revocations, null);
    assert.equal((await renew(api, again)).status, 201);
    assert.equal(codeOf(await renew(api, first)), "403 GATEWAY_REMOVED");
    await alive(api);
    assert.deepEqual(await gateways(api), ["a1"]);
  });

  test("names it in the audit trail when it asks all the same, and nobody who only claims to be it", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    await remove(api);
    await renew(api, first);
    await askForCredentials(api, first);
    const stranger = { ...first, keyPem: (await createRequest(identity)).keyPem };
    await renew(api, stranger);
    api.pass(120);
    await handleSweep(api.deps);
    const { items } = (await api.send<{ items: AuditEntry[] }>("GET", "/v1/audit")).body;
    const told = items.flatMap(({ actor, refused }) =>
      refused === undefined
        ? []
        : [`${actor.kind === "gateway" ? actor.gatewayId : actor.kind} ${refused.code} ${refused.times}`],
    );
    assert.deepEqual(told.sort(), ["a1 GATEWAY_REMOVED 2", "stranger UNAUTHENTICATED 1"]);
  });

  test("leaves nothing to a renewal that comes at the same time, whichever is first", async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const api = await withSites();
      const first = await enrolled(api);
      const { commit } = api.deps.store;
      let commits = 0;
      // The removal comes in just before the renewal is written down.
      const removal = Promise.withResolvers<unknown>();
      Object.assign(api.deps.store, {
        commit: async (changes: Parameters<typeof commit>[0]) => {
          commits += 1;
          if (commits === 1 && turns % 2 === 0) {
            Object.assign(api.deps.store, { commit });
            removal.resolve(await remove(api));
          }
          return commit(changes);
        },
      });
      const renewal = await renew(api, first);
      Object.assign(api.deps.store, { commit });
      if (turns % 2 === 1) removal.resolve(await remove(api));
      await removal.promise;
      await alive(api);
      const [told] = api.deps.tasks.takeAll(identity.siteId);
      assert(told?.task.kind === "settings" && told.task.revocations !== undefined);
      const { serials } = await readRevocations(told.task.revocations.pem, first.answer.authority);
      const good = [first.certificatePem, ...(renewal.status === 201 ? [renewal.body.certificate] : [])];
      for (const pem of good) assert.ok(serials.has(plainSerial(new X509Certificate(pem).serialNumber)));
      assert.equal(renewal.status, turns % 2 === 0 ? 403 : 201);
    }
  });

  test("drops from the list what has expired by itself, and a later list is later", async () => {
    const api = await withSites();
    const listed = async () => {
      await alive(api);
      const [told] = api.deps.tasks.takeAll(identity.siteId);
      assert(told?.task.kind === "settings" && told.task.revocations !== undefined);
      const { of } = api.deps.authorities;
      const { certificatePem } = await of(identity.multiCluster);
      return { ...(await readRevocations(told.task.revocations.pem, certificatePem)), list: told.task.revocations };
    };
    await enrolled(api);
    await remove(api);
    const before = await listed();
    api.pass(0.001);
    await enrolled(api);
    await remove(api);
    const after = await listed();
    assert.equal(after.serials.size, 2);
    assert.ok(after.atMs > before.atMs && after.list.issuedAt > before.list.issuedAt, "though hardly any time went by");
    api.pass(14.5 * 24 * 3600);
    await enrolled(api);
    await remove(api);
    assert.equal((await listed()).serials.size, 3, "a connection may be older than that");
    api.pass(24 * 3600);
    await enrolled(api);
    await remove(api);
    assert.equal((await listed()).serials.size, 2);
  });

  test("by a clock half a year ahead revokes what is told to the others at once when the clock is right", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    const other = gatewayIdSchema.parse("a2");
    const second = await api.send<{ token: string }>("POST", "/v1/sites/a/enrolments", { gatewayId: other });
    api.pass(180 * day);
    await remove(api);
    const listed = async (revocationsAt?: Instant) => {
      await alive(api, { version: 0, gateways: 1, revocationsAt });
      const [told] = api.deps.tasks.takeAll(identity.siteId);
      return told?.task.kind === "settings" ? told.task.revocations : undefined;
    };
    const ahead = (await listed())?.issuedAt;
    api.pass(-180 * day);
    // Whoever asks for a certificate next brings it to light.
    const { requestPem: request } = await createRequest({ ...identity, gatewayId: other });
    const answer = await api.send<CertificateAnswer>("POST", "/v1/enrol", { request }, second.body.token);
    const told = await listed(ahead);
    assert.equal(told?.issuedAt, "2026-02-28T23:30:00.000Z");
    for (const pem of [told.pem, answer.body.revocations ?? ""]) {
      const { serials } = await readRevocations(pem, first.answer.authority);
      assert.ok(serials.has(plainSerial(new X509Certificate(first.certificatePem).serialNumber)));
    }
    assert.equal(await listed(told.issuedAt), undefined, "who has it is not told again");
  });

  test("by a clock that is ahead forgets no certificate that is good when the clock is right", async () => {
    const api = await withSites();
    const first = await enrolled(api);
    api.pass(2 * 365 * day);
    await enrolled(api);
    api.pass(-2 * 365 * day);
    assert.deepEqual((await remove(api)).body, { revoked: 2 });
    api.pass(1);
    await enrolled(api);
    api.pass(2 * 365 * day);
    await remove(api);
    api.pass(-2 * 365 * day);
    await enrolled(api);
    await remove(api);
    await alive(api);
    const [told] = api.deps.tasks.takeAll(identity.siteId);
    assert(told?.task.kind === "settings" && told.task.revocations !== undefined);
    const { serials } = await readRevocations(told.task.revocations.pem, first.answer.authority);
    assert.ok(serials.has(plainSerial(new X509Certificate(first.certificatePem).serialNumber)));
  });

  test("by a clock that is ahead does not keep it from enrolling again", async () => {
    const api = await withSites();
    await enrolled(api);
    const invitedBefore = await invite(api);
    api.pass(180 * day);
    await remove(api);
    api.pass(-180 * day);
    const { requestPem: request } = await createRequest(identity);
    const early = await api.send("POST", "/v1/enrol", { request }, invitedBefore.token);
    assert.equal(codeOf(early), "401 UNAUTHENTICATED");
    await enrolled(api);
  });

  test("is refused for one that nobody has heard of, and is possible for one that never enrolled", async () => {
    const api = await withSites();
    assert.equal(codeOf(await remove(api, "ghost")), "404 GATEWAY_UNKNOWN");
    await alive(api);
    assert.deepEqual(await remove(api), { status: 200, body: { revoked: 0 } });
    assert.deepEqual(await gateways(api), []);
  });
});

test("an authority speaks for the sites of its own multi-cluster only", async () => {
  const api = await withSites();
  const nowMs = Date.parse(api.deps.clock.now());
  const other = await createAuthority({ multiCluster: "other", nowMs });
  const { of } = api.deps.authorities;
  Object.assign(api.deps.authorities, { of: async (name: never) => (name === "other" ? other : of(name)) });
  const stranger = await issueGatewayCertificate(other, {
    ...{ ...identity, multiCluster: siteIdSchema.parse("other") },
    ...{ validDays: 1, nowMs },
  });
  assert.equal(codeOf(await renew(api, stranger)), "401 UNAUTHENTICATED");
  assert.equal(codeOf(await askForCredentials(api, stranger)), "401 UNAUTHENTICATED");
});

test("an authority that took another's place gives no list that the other has signed, and believes nothing of it", async () => {
  const api = await withSites();
  const before = await enrolled(api);
  await api.send("DELETE", "/v1/sites/a/gateways/a1");
  const nowMs = Date.parse(api.deps.clock.now());
  const next = await createAuthority({ multiCluster: "main", nowMs });
  Object.assign(api.deps.authorities, { of: async () => next });
  api.pass(1);
  const again = await enrolled(api);
  assert.equal(again.answer.authority, next.certificatePem);
  assert.equal(again.answer.revocations, null);
  assert.equal((await renew(api, again)).status, 201);
  assert.equal(codeOf(await renew(api, before)), "401 UNAUTHENTICATED");
});

test("no gateway gets more certificates than can be revoked at once", async () => {
  const api = await withSites();
  const first = await enrolled(api);
  for (let renewals = 1; renewals < 32; renewals += 1) assert.equal((await renew(api, first)).status, 201);
  assert.equal(codeOf(await renew(api, first)), "409 CONFLICT");
  assert.deepEqual((await api.send("DELETE", "/v1/sites/a/gateways/a1")).body, { revoked: 32 });
});

test("an authority that signs for another name than the certificate's site is not asked", async () => {
  const api = await withSites();
  const other = { ...identity, multiCluster: siteIdSchema.parse("elsewhere") };
  const { requestPem, keyPem } = await createRequest(other);
  const nowMs = Date.parse(api.deps.clock.now());
  const authority = await api.deps.authorities.of(identity.multiCluster);
  const issued = await issueCertificate(authority, {
    identity: other,
    publicKey: await readRequest(requestPem),
    nowMs,
  });
  const answer = await renew(api, { certificatePem: issued.certificatePem, keyPem });
  assert.equal(codeOf(answer), "422 AUTHORITY_MISSING");
});
