import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { getRequestListener } from "@hono/node-server";
import { siteIdSchema } from "../../core/api/ids.ts";
import { createTestApi } from "../../functions/api/testing.ts";
import { parseGatewayConfig } from "../../gateway/config/config.ts";
import { hangMs, until } from "../../test/patience.ts";
import { createEnroller } from "./enrolled.ts";

const daySeconds = 24 * 60 * 60;

describe("a gateway of this machine", () => {
  /** Its folder, and an API that it enrols at whose clock a test moves. */
  const setUp = async (t: TestContext) => {
    const dir = await mkdtemp(join(tmpdir(), "local-enrolled-"));
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const server = createServer(getRequestListener(api.app.fetch)).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(async () => {
      server.closeAllConnections();
      server.close();
      await rm(dir, { recursive: true });
    });
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    const tls = { ca: "ca.crt", certificate: "a1.crt", key: "a1.key" };
    const written = {
      ...{ gatewayId: "a1", siteId: "a", multiCluster: "main", tls, queues: { prefix: "p" } },
      ...{ storage: { kind: "extentstore", dir }, api: `http://127.0.0.1:${address.port}` },
    };
    const config = parseGatewayConfig(written, join(dir, "gateway.yaml"));
    const authority = await api.deps.authorities.of(siteIdSchema.parse("main"));
    const enroller = createEnroller(api.deps, authority, AbortSignal.timeout(hangMs));
    const certificate = async () => new X509Certificate(await readFile(config.tls.certificate, "utf8"));
    return { api, config, enroller, certificate };
  };

  test("enrols before its first start, and not again while its certificate is good", async (t) => {
    const { api, config, enroller, certificate } = await setUp(t);
    assert.equal(await enroller.ensure(config), true);
    const first = await certificate();
    api.pass(13 * daySeconds);
    assert.deepEqual(await Promise.all([enroller.ensure(config), enroller.ensure(config)]), [true, true]);
    assert.equal((await certificate()).serialNumber, first.serialNumber);
  });

  test("enrols anew when its certificate has expired while nobody looked", async (t) => {
    const { api, config, enroller, certificate } = await setUp(t);
    await enroller.ensure(config);
    api.pass(400 * daySeconds);
    assert.deepEqual(await Promise.all([enroller.ensure(config), enroller.ensure(config)]), [true, true]);
    const { validFromDate, validToDate } = await certificate();
    const now = new Date(api.deps.clock.now());
    assert(validFromDate <= now && now < validToDate);
  });

  test("enrols anew when its certificate is from the future, because the clock was ahead", async (t) => {
    const { api, config, enroller, certificate } = await setUp(t);
    api.pass(180 * daySeconds);
    await enroller.ensure(config);
    api.pass(-180 * daySeconds);
    await enroller.ensure(config);
    assert((await certificate()).validFromDate <= new Date(api.deps.clock.now()));
  });

  test("stays away when an administrator has removed it", async (t) => {
    const { api, config, enroller } = await setUp(t);
    await enroller.ensure(config);
    assert.equal((await api.send("DELETE", "/v1/sites/a/gateways/a1")).status, 200);
    assert.equal(await enroller.ensure(config), false);
  });

  test("is looked at by the minute, and one that can't enrol now keeps no other from it", async (t) => {
    const { config, enroller, certificate } = await setUp(t);
    const stop = new AbortController();
    const warnings: string[] = [];
    const log = {
      info: () => undefined,
      error: () => undefined,
      warn: () => undefined,
      failed: (_: object, message: string) => void warnings.push(message),
    };
    const elsewhere = { ...config, siteId: siteIdSchema.parse("nowhere") };
    const kept = enroller.keep([elsewhere, config], { log, signal: stop.signal });
    const isEnrolled = async () => (await certificate().catch(() => undefined)) !== undefined;
    await until("its certificate", async () => warnings.length > 0 && (await isEnrolled()));
    stop.abort();
    await kept;
    assert.equal(warnings.length, 1);
  });
});
