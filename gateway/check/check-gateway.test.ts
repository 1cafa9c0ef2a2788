import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { issueGatewayCertificate } from "../../pki/testing.ts";
import { manualTime } from "../agent/testing.ts";
import { openStorage } from "../storage/open.ts";
import { credentialsOf, newAuthority, site } from "../transfer/testing/credentials.ts";
import { checkGateway, lookSeconds } from "./check-gateway.ts";

describe("checking a gateway before its first run", () => {
  let dir: string;
  let authority: CertificateWithKey;
  /** Answers as SQS does; it has all queues, or none. */
  let sqs: Server;
  let hasQueues = false;
  let clockMs = () => Date.now();
  let endpoint: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "check-"));
    authority = await newAuthority();
    sqs = createHttpServer((_request, response) => {
      const missing = { __type: "com.amazonaws.sqs#QueueDoesNotExist", message: "no such queue" };
      const answer = hasQueues ? { QueueUrl: `${endpoint}/0/queue` } : missing;
      const headers = { "content-type": "application/x-amz-json-1.0", date: new Date(clockMs()).toUTCString() };
      response.writeHead(hasQueues ? 200 : 400, headers).end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => sqs.listen(0, "127.0.0.1", resolve));
    const address = sqs.address();
    assert(typeof address === "object" && address !== null);
    endpoint = `http://127.0.0.1:${address.port}`;
    process.env["AWS_ENDPOINT_URL_SQS"] = endpoint;
    await write(await credentialsOf(authority, "a"));
  });
  after(async () => {
    delete process.env["AWS_ENDPOINT_URL_SQS"];
    sqs.closeAllConnections();
    sqs.close();
    await rm(dir, { recursive: true });
  });

  const write = async (credentials: { caPem: string; certificatePem: string; keyPem: string }) => {
    await writeFile(join(dir, "ca.pem"), credentials.caPem);
    await writeFile(join(dir, "a.pem"), credentials.certificatePem);
    await writeFile(join(dir, "a.key"), credentials.keyPem);
  };
  const config = {
    ...{ gatewayId: "a-1", siteId: "a", multiCluster: "mc", queues: { prefix: "none" } },
    storage: { kind: "extentstore", dir: "store" },
    tls: { ca: "ca.pem", certificate: "a.pem", key: "a.key" },
  };
  const check = async (changes: object = {}) => {
    const file = join(dir, "gateway.json");
    await writeFile(file, JSON.stringify({ ...config, ...changes }));
    return Object.fromEntries(
      (await checkGateway(file)).map(({ what, passed, text, hint }) => [what, { passed, text, hint }]),
    );
  };

  test("says of all that it needs what is there, and makes nothing", async () => {
    const found = await check({ envoy: "auto", listen: { port: 1 + 0xc000 } });
    const wanted = ["configuration", "certificate", "api", "storage", "port", "envoy"];
    assert.deepEqual(Object.keys(found), [...wanted, "queues"]);
    for (const what of wanted) {
      assert.equal(found[what]?.passed, true, `${what}: ${found[what]?.text}`);
    }
    assert.match(found["envoy"]?.text ?? "", /envoy, 1\.\d+\.\d+/);
    assert.match(found["storage"]?.text ?? "", /to be made/);
    assert.ok(!(await readdir(dir)).includes("store"));
  });

  test("says what is missing, and goes on", async () => {
    const { queues } = await check();
    assert.deepEqual([queues?.passed, queues?.text], [false, "There is no queue none-tasks-a."]);
    assert.match(queues?.hint ?? "", /Register site a/);
    process.env["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:1";
    try {
      assert.match((await check())["queues"]?.text ?? "", /can't be reached/);
    } finally {
      process.env["AWS_ENDPOINT_URL_SQS"] = endpoint;
    }
  });

  test("finds queues that are there, and a clock that is wrong by what they say", async () => {
    hasQueues = true;
    try {
      assert.deepEqual((await check())["queues"]?.passed, true);
      clockMs = () => Date.now() + 20 * 60_000;
      assert.match((await check())["queues"]?.text ?? "", /clock is wrong by 20 minutes: it is behind/);
    } finally {
      hasQueues = false;
      clockMs = () => Date.now();
    }
  });

  test("finds a control plane by what it answers to whoever shows nothing", async () => {
    let answer: readonly [number, string] = [401, '{"error":{"code":"UNAUTHENTICATED","message":"no token"}}'];
    let date = {};
    const server = createHttpServer((_request, response) => response.writeHead(answer[0], date).end(answer[1]));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    const at = { api: `http://127.0.0.1:${address.port}` };
    try {
      assert.equal((await check(at))["api"]?.passed, true);
      date = { date: new Date(Date.now() - 180 * 24 * 3_600_000).toUTCString() };
      assert.match((await check(at))["api"]?.text ?? "", /clock is wrong by 2592\d\d minutes: it is ahead/);
      answer = [404, "<html>"];
      assert.match((await check(at))["api"]?.text ?? "", /answered 404/);
    } finally {
      server.close();
      server.closeAllConnections();
    }
    assert.match((await check(at))["api"]?.text ?? "", /not to be had .*ECONNREFUSED/);
  });

  test("finds a port that is taken, and an Envoy that is not there", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    assert(typeof address === "object" && address !== null);
    try {
      const { port, envoy } = await check({ listen: { port: address.port }, envoy: "./nowhere" });
      assert.match(port?.text ?? "", /EADDRINUSE/);
      assert.match(envoy?.text ?? "", /is no program/);
    } finally {
      taken.close();
    }
  });

  test("finds a certificate that nobody would believe", async () => {
    const identity = { multiCluster: site("mc"), siteId: site("a"), gatewayId: gatewayIdSchema.parse("a-1") };
    const good = await credentialsOf(authority, "a");
    const expired = await issueGatewayCertificate(authority, { ...identity, validDays: -0.001 });
    const nowMs = Date.now() + 180 * 24 * 3_600_000;
    const early = await issueGatewayCertificate(authority, { ...identity, validDays: 14, nowMs });
    const wrong = [
      [{ ...good, ...expired }, /has expired .*See whether this host's clock is right/],
      [{ ...good, ...early }, /not valid before .*See whether this host's clock is right/],
      [{ ...good, keyPem: (await credentialsOf(authority, "a")).keyPem }, /is not that of the certificate/],
      [{ ...good, caPem: (await newAuthority()).certificatePem }, /not issued by this authority/],
      [await credentialsOf(authority, "b"), /is for spiffe/],
    ] as const;
    for (const [credentials, text] of wrong) {
      await write(credentials);
      const { text: found, hint } = (await check())["certificate"] ?? {};
      assert.match(`${found} ${hint}`, text);
    }
    await write(good);
  });

  test("says nothing but what is wrong with the configuration when that can't be read", async () => {
    const found = await check({ siteId: "NO SITE" });
    assert.deepEqual(Object.keys(found), ["configuration"]);
    assert.match(found["configuration"]?.text ?? "", /siteId/);
  });

  test("finds a storage that this user may not write to, or that is none", async () => {
    await mkdir(join(dir, "other"));
    await writeFile(join(dir, "other", "file"), "");
    const { storage } = await check({ storage: { kind: "extentstore", dir: "other/file" } });
    assert.equal(storage?.passed, false);
  });

  test("says of a storage that is there what it has, and what it can protect", async () => {
    const made = await openStorage({ kind: "extentstore", dir: join(dir, "made") });
    const { kinds } = await made.facilities();
    await made.close();
    const { storage } = await check({ storage: { kind: "extentstore", dir: "made" } });
    assert.equal(storage?.passed, true, storage?.text);
    assert.match(storage?.text ?? "", new RegExp(`^extentstore, 0 objects, .*; protects ${kinds.join(", ")}`));
  });

  test("tells of what gives no answer, and looks at the rest", async () => {
    const file = join(dir, "gateway.json");
    await writeFile(file, JSON.stringify(config));
    const time = manualTime();
    const asked = Promise.withResolvers<void>();
    const hangs = () => {
      asked.resolve();
      return new Promise<never>(() => undefined);
    };
    const looking = checkGateway(file, {
      checks: [
        ["storage", hangs],
        ["port", async () => "free"],
      ],
      time,
    });
    await asked.promise;
    await time.advance(lookSeconds * 1000);
    const [, storage, port] = await looking;
    assert.deepEqual([storage?.passed, storage?.text], [false, "It gave no answer within 30 s."]);
    assert.deepEqual(port, { what: "port", passed: true, text: "free" });
  });
});
