import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { decodeJwt } from "jose";
import { VisibleError } from "../../core/api/errors.ts";
import { manualTime } from "../agent/testing.ts";
import { credentialsOf, newAuthority } from "../transfer/testing/credentials.ts";
import { QueueAccess } from "./credentials.ts";
import { createSqsClient } from "./sqs-client.ts";

const lifeMs = 900_000;

describe("credentials for the queues", () => {
  const time = manualTime(Date.now());
  const bearers: string[] = [];
  let isRefusing = false;
  let isBroken = false;
  let removed = 0;
  const server = createServer((request, response) => {
    request.resume();
    bearers.push(request.headers.authorization?.replace("Bearer ", "") ?? "");
    if (isBroken) {
      response.writeHead(503).end();
      return;
    }
    if (isRefusing) {
      response.writeHead(403).end('{"error":{"code":"GATEWAY_REMOVED","message":"It was removed."}}');
      return;
    }
    const credentials = {
      ...{ accessKeyId: `key${bearers.length}`, secretAccessKey: "secret", sessionToken: "session", region: "eu-x-1" },
      expiresAt: new Date(time.nowMs() + lifeMs).toISOString(),
    };
    response.writeHead(201).end(JSON.stringify(credentials));
  });
  let api: string;
  let access: QueueAccess;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  beforeEach(async () => {
    bearers.length = 0;
    const credentials = await credentialsOf(await newAuthority(), "a");
    const { signal } = new AbortController();
    access = new QueueAccess({
      ...{ api, current: () => credentials, time, signal },
      onRemoved: () => removed++,
    });
  });

  test("are asked for once however many need them, by a proof for this control plane, and again in time", async () => {
    const got = await Promise.all(Array.from({ length: 5 }, () => access.get()));
    assert.deepEqual(new Set(got.map(({ accessKeyId }) => accessKeyId)), new Set(["key1"]));
    assert.equal(decodeJwt(bearers[0] ?? "").aud, new URL(api).host);
    await time.advance(lifeMs - 301_000);
    assert.equal((await access.get()).accessKeyId, "key1");
    await time.advance(2_000);
    assert.equal((await access.get()).accessKeyId, "key2");
    assert.equal(bearers.length, 2);
  });

  test("are used to their end while there are no others to be had", async () => {
    await access.get();
    await time.advance(lifeMs - 200_000);
    isBroken = true;
    assert.equal((await access.get()).accessKeyId, "key1");
    await time.advance(201_000);
    await assert.rejects(access.get(), (error) => VisibleError.is(error, "LINK_BROKEN"));
    isBroken = false;
  });

  test("that are refused are asked for again the next time, and it is told why", async () => {
    isRefusing = true;
    await assert.rejects(access.get(), (error) => VisibleError.is(error, "GATEWAY_REMOVED"));
    assert.equal(removed, 1);
    isRefusing = false;
    assert.equal((await access.get()).accessKeyId, "key2");
  });

  test("of a control plane whose time is another expire by this host's clock when they expire", async () => {
    const aheadMs = 700 * 86_400_000;
    const given = await access.get();
    const { signal } = new AbortController();
    const wrong = new QueueAccess({
      ...{ api, current: () => assert.fail("nobody is asked"), signal, onRemoved: () => undefined },
      time: { ...time, nowMs: () => Date.now() - aheadMs },
    });
    const here = wrong.expiresAtHere({
      ...given,
      expiresAt: new Date(Date.now() - aheadMs + lifeMs).toISOString() as never,
    });
    assert.ok(Math.abs(here.getTime() - Date.now() - lifeMs) < 60_000);
  });

  test("are what the client of the queues uses, with the region that they are for", async () => {
    const client = createSqsClient({}, access);
    assert.equal(await client.config.region(), "eu-x-1");
    const { accessKeyId, sessionToken } = await client.config.credentials();
    assert.deepEqual([accessKeyId, sessionToken], ["key1", "session"]);
    client.destroy();
  });
});
