import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuditEntry } from "../../core/api/audit.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { createRequest } from "../../pki/request.ts";
import type { Page } from "../documents/page.ts";
import { handleSweep } from "../sweep.ts";
import { createNightlyPlan, createTestApi, nightly, type TestApi } from "./testing.ts";

const audit = async (api: TestApi, query = "") => (await api.send<Page<AuditEntry>>("GET", `/v1/audit${query}`)).body;

/** Refusals are told when their minute is over. */
const sweepLater = async (api: TestApi) => {
  api.pass(120);
  await handleSweep(api.deps);
};

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

  test("has nothing of a reader, however often he sends what is a POST", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const before = (await audit(api)).items.length;
    const reader = await api.token(["read"]);
    const request = { schedule: { cycle: "daily", at: "01:00" } };
    for (let time = 0; time < 3; time += 1) {
      assert.equal((await api.send("POST", "/v1/schedules/preview", request, reader)).status, 200);
    }
    await sweepLater(api);
    assert.equal((await audit(api)).items.length, before);
  });

  test("has one entry a minute, sender and reason of what was refused, with a count", async () => {
    const api = await createTestApi();
    const [reader, other] = [await api.token(["read"]), await api.token(["read"])];
    for (const plan of ["one", "two", "three"]) await api.send("DELETE", `/v1/plans/${plan}`, undefined, reader);
    await api.send("DELETE", "/v1/plans/one", undefined, other);
    api.pass(60);
    await api.send("GET", "/v1/tokens", undefined, reader);
    await sweepLater(api);
    const told = (await audit(api)).items.map(({ actor, method, path, at, refused }) => {
      assert(actor.kind === "token");
      return [at, actor.id, method, path, refused];
    });
    const [readerId, otherId] = [reader, other].map((token) => token.split("_")[1]);
    const forbidden = (times: number) => ({ code: "FORBIDDEN", times });
    assert.deepEqual(told.slice(0, 1), [["2026-03-01T00:31:00.000Z", readerId, "GET", "/v1/tokens", forbidden(1)]]);
    assert.deepEqual(
      new Set(told.slice(1)),
      new Set([
        ["2026-03-01T00:30:00.000Z", readerId, "DELETE", "/v1/plans/three", forbidden(3)],
        ["2026-03-01T00:30:00.000Z", otherId, "DELETE", "/v1/plans/one", forbidden(1)],
      ]),
    );
  });

  test("is not flooded by a stranger who varies his tokens, his paths and his methods", async () => {
    const api = await createTestApi();
    for (let guess = 0; guess < 50; guess += 1) {
      const digits = guess.toString(16).padStart(12, "0");
      const token = `smtxb_${digits}_${digits.repeat(6).slice(0, 64)}`;
      await api.send("POST", "/v1/enrol", { request: "x" }, token.replace("smtxb", "smtxe"));
      await api.send("POST", "/v1/renew", { request: "x" }, `proof${digits}`);
      await api.send("POST", "/v1/credentials", undefined, `proof${digits}`);
      await api.send(guess % 2 === 0 ? "GET" : "DELETE", `/v1/plans/${digits}${"x".repeat(5000)}`, undefined, token);
    }
    await sweepLater(api);
    const { items } = await audit(api);
    assert.deepEqual(
      items.map(({ actor, refused }) => ({ actor, refused })),
      [{ actor: { kind: "stranger" }, refused: { code: "UNAUTHENTICATED", times: 200 } }],
    );
    assert.ok(JSON.stringify(items).length < 1000);
  });

  test("has nothing of the token that was refused", async () => {
    const api = await createTestApi();
    const revoked = await api.token(["read"]);
    await api.send("DELETE", `/v1/tokens/${revoked.split("_")[1]}`);
    await api.send("GET", "/v1/plans", undefined, revoked);
    await sweepLater(api);
    const { items } = await audit(api);
    assert.equal(items.length, 2);
    assert.ok(!JSON.stringify(items).includes(revoked.split("_")[2] ?? "the secret"));
  });

  test("that can't count a refusal refuses all the same, and the log has it", async () => {
    const api = await createTestApi();
    const { commit } = api.deps.store;
    Object.assign(api.deps.store, { commit: () => Promise.reject(new Error("throttled")) });
    const { status } = await api.send("GET", "/v1/plans", undefined, "x");
    Object.assign(api.deps.store, { commit });
    assert.equal(status, 401);
    assert.equal(api.errors.length, 1);
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

  test("tells nobody the keys of its entries, whose pages go on all the same", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const keys = (await api.deps.store.query({ partition: "AUDIT", limit: 10 })).items.map(({ key }) => key.sort);
    const seen: AuditEntry[] = [];
    let cursor: string | undefined;
    do {
      const page = await audit(api, `?limit=1${cursor === undefined ? "" : `&cursor=${cursor}`}`);
      assert(page.items.length <= 1);
      seen.push(...page.items);
      cursor = page.cursor;
      const shown = Buffer.from(cursor ?? "", "base64url").toString();
      assert.ok(keys.every((key) => !shown.includes(key)));
      assert.ok(shown === "" || keys.some((key) => key.startsWith(shown) && key.length - shown.length > 20));
    } while (cursor !== undefined);
    assert.equal(keys.length, 3);
    assert.deepEqual(
      seen.map(({ requestId }) => requestId).toSorted(),
      [...new Set(seen.map(({ requestId }) => requestId))].toSorted(),
    );
    assert.equal(seen.length, 3);
  });

  test("that can't be written leaves the change as it is, and the log has it", async () => {
    const api = await createTestApi();
    const { commit } = api.deps.store;
    const failing: typeof commit = (changes) =>
      changes.some(({ key }) => key.partition === "AUDIT") ? Promise.reject(new Error("throttled")) : commit(changes);
    Object.assign(api.deps.store, { commit: failing });
    const { status } = await api.send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    Object.assign(api.deps.store, { commit });
    assert.equal(status, 201);
    assert.equal(api.errors.length, 1);
  });
});
