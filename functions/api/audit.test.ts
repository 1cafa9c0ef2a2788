import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuditEntry } from "../../core/api/audit.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { createRequest } from "../../pki/request.ts";
import type { Page } from "../documents/page.ts";
import { createNightlyPlan, createTestApi, nightly, type TestApi } from "./testing.ts";

const audit = async (api: TestApi, query = "") => (await api.send<Page<AuditEntry>>("GET", `/v1/audit${query}`)).body;

describe("the audit trail", () => {
  test("has every change with who asked for it, when, and what was sent along, the newest first", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    api.pass(60);
    const operator = await api.token(["operate"]);
    await api.send("POST", "/v1/plans/nightly/suspend", undefined, operator);
    const { items } = await audit(api);
    const [suspended, ...before] = items;
    assert.deepEqual(
      [suspended?.at, suspended?.method, suspended?.path],
      ["2026-03-01T00:31:00.000Z", "POST", "/v1/plans/nightly/suspend"],
    );
    // Of one instant, in no particular order.
    assert.deepEqual(before.map(({ at, path }) => `${at} ${path}`).sort(), [
      "2026-03-01T00:30:00.000Z /v1/plans",
      "2026-03-01T00:30:00.000Z /v1/sites",
      "2026-03-01T00:30:00.000Z /v1/sites",
    ]);
    const created = before.find(({ path }) => path === "/v1/plans");
    assert(suspended?.actor.kind === "token");
    assert.equal(suspended.actor.id, operator.split("_")[1], "the id, and not the secret");
    assert.deepEqual(created?.request, nightly);
    assert.ok(created?.requestId);
  });

  test("has nothing of what was only looked at, refused or failed", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const before = (await audit(api)).items.length;
    await api.send("GET", "/v1/plans");
    await api.send("DELETE", "/v1/plans/nightly", undefined, await api.token(["read"]));
    await api.send("POST", "/v1/plans", { name: "x" });
    await api.send("DELETE", "/v1/plans/nothing");
    assert.equal((await audit(api)).items.length, before);
  });

  test("has gateways that enrol, and none of their secrets or keys", async () => {
    const api = await createTestApi();
    await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const { body } = await api.send<{ token: string }>("POST", "/v1/sites/a/enrolments", { gatewayId: "a1" });
    const identity = { siteId: siteIdSchema.parse("a"), gatewayId: gatewayIdSchema.parse("a1") };
    api.pass(1);
    const { requestPem } = await createRequest({ multiCluster: siteIdSchema.parse("main"), ...identity });
    await api.send("POST", "/v1/enrol", { request: requestPem }, body.token);
    const { items } = await audit(api);
    assert.deepEqual(items[0]?.actor, { kind: "gateway", ...identity });
    assert.equal(items[0]?.path, "/v1/enrol");
    assert.ok(!JSON.stringify(items).includes(body.token));
    assert.ok(!JSON.stringify(items).includes("CERTIFICATE REQUEST"));
  });

  test("is read page by page", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const first = await audit(api, "?limit=2");
    assert.equal(first.items.length, 2);
    const second = await audit(api, `?limit=2&cursor=${first.cursor}`);
    assert.deepEqual([...first.items, ...second.items].map(({ path }) => path).sort(), [
      "/v1/plans",
      "/v1/sites",
      "/v1/sites",
    ]);
    assert.equal(second.cursor, undefined);
  });

  test("that can't be written leaves the change as it is, and the log has it", async () => {
    const api = await createTestApi();
    const { putAll } = api.deps.store;
    const error = new Error("throttled");
    Object.assign(api.deps.store, { putAll: () => Promise.reject(error) });
    const { status } = await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    Object.assign(api.deps.store, { putAll });
    assert.equal(status, 201);
    assert.equal(api.errors.length, 1);
  });
});
