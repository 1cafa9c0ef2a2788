import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorBody, errorBodySchema } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Scope } from "../../core/api/token.ts";
import { scopeSchema } from "../../core/api/token.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { createNightlyPlan, createTestApi } from "./testing.ts";

const run = "run_00000000000000000000000001_20260301T010000000Z";

/** Every route there is, with the scope that it takes. */
const routes: readonly (readonly [string, string, Scope])[] = [
  ["POST", "/v1/sites", "admin"],
  ["GET", "/v1/sites", "read"],
  ["GET", "/v1/sites/{site}", "read"],
  ["PUT", "/v1/sites/{site}/limits", "admin"],
  ["GET", "/v1/sites/{site}/facilities", "read"],
  ["PUT", "/v1/sites/{site}/switch-maps/{target}", "admin"],
  ["GET", "/v1/sites/{site}/gateways", "read"],
  ["GET", "/v1/sites/{site}/objects", "read"],
  ["POST", "/v1/sites/{site}/inventory", "operate"],
  ["POST", "/v1/sites/{site}/enrolments", "admin"],
  ["DELETE", "/v1/sites/{site}/gateways/{gateway}", "admin"],
  ["POST", "/v1/plans", "operate"],
  ["GET", "/v1/plans", "read"],
  ["GET", "/v1/plans/{plan}", "read"],
  ["PUT", "/v1/plans/{plan}", "operate"],
  ["DELETE", "/v1/plans/{plan}", "delete"],
  ["POST", "/v1/plans/{plan}/suspend", "operate"],
  ["POST", "/v1/plans/{plan}/resume", "operate"],
  ["POST", "/v1/plans/{plan}/run", "operate"],
  ["GET", "/v1/plans/{plan}/objects", "read"],
  ["GET", "/v1/plans/{plan}/schedule", "read"],
  ["POST", "/v1/schedules/preview", "read"],
  ["GET", "/v1/plans/{plan}/retention", "read"],
  ["GET", "/v1/plans/{plan}/runs", "read"],
  ["GET", "/v1/plans/{plan}/groups", "read"],
  ["GET", "/v1/status", "read"],
  ["GET", "/v1/plans/{plan}/groups/latest", "read"],
  ["GET", "/v1/groups", "read"],
  ["GET", "/v1/runs", "read"],
  ["GET", "/v1/runs/{run}", "read"],
  ["GET", "/v1/runs/{run}/objects", "read"],
  ["POST", "/v1/runs/{run}/cancel", "operate"],
  ["POST", "/v1/runs/{run}/redrive", "operate"],
  ["POST", "/v1/restores", "restore"],
  ["GET", "/v1/sites/{site}/attachments", "read"],
  ["GET", "/v1/attachments/{run}", "read"],
  ["POST", "/v1/attachments/{run}/detach", "restore"],
  ["POST", "/v1/failover-previews", "restore"],
  ["POST", "/v1/failovers", "restore"],
  ["GET", "/v1/failovers", "read"],
  ["GET", "/v1/failovers/{failover}", "read"],
  ["POST", "/v1/failovers/{failover}/continue", "restore"],
  ["POST", "/v1/failovers/{failover}/undo", "restore"],
  ["POST", "/v1/failovers/{failover}/failback", "restore"],
  ["POST", "/v1/adoptions", "admin"],
  ["GET", "/v1/adoptions/{site}/{adoption}", "admin"],
  ["POST", "/v1/deletions/preview", "delete"],
  ["POST", "/v1/deletions", "delete"],
  ["GET", "/v1/deletions/space/{site}/{question}", "delete"],
  ["GET", "/v1/audit", "admin"],
  ["POST", "/v1/tokens", "admin"],
  ["GET", "/v1/tokens", "admin"],
  ["DELETE", "/v1/tokens/{token}", "admin"],
];
/** What gateways ask for themselves, with their own tokens and proofs. */
const gatewayRoutes = [
  ["POST", "/v1/enrol", ""],
  ["POST", "/v1/renew", ""],
  ["POST", "/v1/credentials", ""],
] as const;
const everything = [...routes, ["GET", "/openapi.json", "read"] as const];

const filled = (path: string) =>
  path
    .replace("{site}", "a")
    .replace("{target}", "b")
    .replace("{gateway}", "gw-1")
    .replace("{plan}", "nightly")
    .replace("{run}", run)
    .replace("{question}", "0".repeat(32))
    .replace("{token}", "0123456789ab");

describe("tokens of requests", () => {
  test("the table of these tests has every route of the app", async () => {
    const { app } = await createTestApi();
    const there = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    assert.deepEqual(
      [...new Set(there)].sort(),
      [...everything, ...gatewayRoutes].map(([method, path]) => `${method} ${path}`).sort(),
    );
  });

  test("no route answers without a token, with a wrong, an altered, an expired or a revoked one", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const good = await api.token();
    const expired = await api.token(scopeSchema.options, addSeconds(api.deps.clock.now(), 10));
    const revoked = await api.token();
    await api.send("DELETE", `/v1/tokens/${revoked.split("_")[1]}`);
    api.pass(10);
    const altered = good.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const foreignId = good.replace(/_[0-9a-f]{12}_/, "_000000000000_");
    const headers = [
      {},
      ...["", "Bearer", "Bearer ", "Basic YTpi", good, `Token ${good}`].map((authorization) => ({ authorization })),
      ...["x", altered, foreignId, expired, revoked, `${good}x`].map((token) => ({ authorization: `Bearer ${token}` })),
    ];
    const before = await api.dump();
    const paths = [
      ...everything,
      ...gatewayRoutes,
      ["GET", "/", ""],
      ["GET", "/v1/nothing", ""],
      ["BREW", "/v1/plans", ""],
    ] as const;
    for (const [method, path] of paths) {
      for (const header of headers) {
        const answer = await api.app.request(filled(path), { method, headers: header as Record<string, string> });
        assert.equal(answer.status, 401, `${method} ${path} with ${JSON.stringify(header)}`);
        assert.equal(answer.headers.get("www-authenticate"), "Bearer");
        const { error } = errorBodySchema.parse(await answer.json());
        assert.equal(error.code, "UNAUTHENTICATED");
        assert.ok(error.hint);
      }
    }
    assert.equal(await api.dump(), before);
  });

  test("every route wants its own scope, and no other will do", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api);
    const before = await api.dump();
    for (const [method, path, scope] of everything) {
      const token = await api.token(scopeSchema.options.filter((other) => other !== scope));
      const { status, body } = await api.send(method, filled(path), undefined, token);
      assert.deepEqual([status, body.error.code], [403, "FORBIDDEN"], `${method} ${path}`);
      assert.match(body.error.message, new RegExp(scope));
    }
    assert.ok((await api.dump()).startsWith(before.slice(0, -1)), "only tokens were added");
  });

  test("with its scope alone, every route gets past the door", async () => {
    const api = await createTestApi();
    for (const [method, path, scope] of everything) {
      const { status } = await api.send(method, filled(path), undefined, await api.token([scope]));
      assert.ok(status !== 401 && status !== 403 && status < 500, `${method} ${path}: ${status}`);
    }
  });

  test("a token works until its last millisecond", async () => {
    const api = await createTestApi();
    const token = await api.token(["read"], addSeconds(api.deps.clock.now(), 10));
    api.pass(9.999);
    assert.equal((await api.send("GET", "/v1/sites", undefined, token)).status, 200);
    api.pass(0.001);
    assert.equal((await api.send("GET", "/v1/sites", undefined, token)).status, 401);
  });
});

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { security: { token: string[] }[]; summary: string; responses: object }>>;
  components: { securitySchemes: object; schemas: object };
}

describe("the OpenAPI document", () => {
  test("lists every route with its scope, its answers and a summary", async () => {
    const { send } = await createTestApi();
    const { status, body } = await send<Document>("GET", "/openapi.json");
    assert.equal(status, 200);
    assert.equal(body.openapi, "3.1.0");
    const listed = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security, summary, responses }]) => {
        assert.ok(summary, `${method} ${path} has a summary`);
        assert.ok("4XX" in responses && "5XX" in responses);
        return [method.toUpperCase(), path, security.flatMap(({ token }) => token)].join(" ");
      }),
    );
    assert.deepEqual(listed.sort(), [...routes, ...gatewayRoutes].map((route) => route.join(" ")).sort());
    assert.deepEqual(body.components.securitySchemes, { token: { type: "http", scheme: "bearer" } });
    assert.deepEqual(Object.keys(body.components.schemas).sort(), ["Plan", "PlanDefinition", "Run"]);
  });
});

describe("failures", () => {
  test("a path that there is none of is NOT_FOUND", async () => {
    const { send } = await createTestApi();
    for (const [method, path] of [
      ["GET", "/v1/nothing"],
      ["PATCH", "/v1/plans/nightly/runs/1"],
      ["GET", "/"],
      ["OPTIONS", "/v1"],
    ] as const) {
      const { status, body } = await send(method, path);
      assert.deepEqual([status, body.error.code], [404, "NOT_FOUND"]);
      assert.match(body.error.message, new RegExp(`${method} ${path}`));
    }
  });

  test("a known path answers 405 with Allow to a method that it does not have", async () => {
    const { app, token } = await createTestApi();
    const headers = { authorization: `Bearer ${await token(["read"])}` };
    const allowedAt = (path: string) =>
      everything.flatMap(([method, of]) => (of !== path ? [] : method === "GET" ? ["GET", "HEAD"] : [method])).sort();
    for (const path of new Set(everything.map(([, of]) => of))) {
      const allowed = allowedAt(path);
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]) {
        if (allowed.includes(method)) continue;
        const answer = await app.request(filled(path), { method, headers });
        const { error } = errorBodySchema.parse(await answer.json());
        const told = [answer.status, error.code, answer.headers.get("allow")];
        assert.deepEqual(told, [405, "METHOD_NOT_ALLOWED", allowed.join(", ")], `${method} ${path}`);
      }
    }
  });

  test("HEAD is answered as GET is, and is refused where there is no GET", async () => {
    const { app, token } = await createTestApi();
    const headers = { authorization: `Bearer ${await token(["read"])}` };
    for (const [path, status] of [
      ["/v1/sites", 200],
      ["/v1/restores", 405],
      ["/v1/nothing", 404],
    ] as const) {
      const answer = await app.request(path, { method: "HEAD", headers });
      assert.deepEqual([answer.status, await answer.text()], [status, ""], path);
    }
  });

  test("a body that is no JSON, of another type, missing or too large is refused and changes nothing", async () => {
    const { app, send, token, dump } = await createTestApi();
    const authorization = `Bearer ${await token()}`;
    const before = await dump();
    const refused = async (status: number, code: string, body: string | undefined, type = "application/json") => {
      const headers = { authorization, "content-type": type };
      const answer = await app.request("/v1/sites", { method: "POST", headers, body: body ?? null });
      const { error } = errorBodySchema.parse(await answer.json());
      assert.deepEqual([answer.status, error.code], [status, code]);
      assert.ok(error.message && error.hint);
    };
    await refused(400, "BAD_REQUEST", '{"id": ');
    await refused(400, "BAD_REQUEST", '{"id":"c","multiCluster":"main"}', "text/plain");
    await refused(400, "BAD_REQUEST", undefined);
    await refused(400, "BAD_REQUEST", "null");
    await refused(413, "BODY_TOO_LARGE", JSON.stringify({ id: "c", multiCluster: "x".repeat(1024 * 1024) }));
    assert.equal((await send("POST", "/v1/sites")).status, 400);
    assert.equal(await dump(), before);
  });

  test("an answer to a wrong request names each field that is wrong", async () => {
    const { send } = await createTestApi();
    const { status, body } = await send("POST", "/v1/plans", {
      name: "a b",
      source: "a",
      objects: [{ kind: "disk" }],
      x: 1,
    });
    assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"]);
    const paths = body.error.issues?.map(({ path }) => path);
    assert.deepEqual(paths?.sort(), ["", "name", "objects.0.kind"]);
    assert.match(body.error.message, /^The body of the request is not right: .*name: letters, digits/);
  });

  test("what fails unexpectedly is not shown but logged, with the request id that the answer has", async () => {
    const { app, deps, errors, token } = await createTestApi();
    const authorization = `Bearer ${await token()}`;
    deps.store.query = async () => {
      throw new Error("the password is swordfish");
    };
    const answer = await app.request("/v1/sites", { headers: { authorization, "x-request-id": "r-1" } });
    const text = await answer.text();
    assert.equal(answer.status, 500);
    assert.equal(answer.headers.get("x-request-id"), "r-1");
    assert.doesNotMatch(text, /swordfish/);
    assert.equal(JSON.parse(text).error.code, "INTERNAL");
    assert.match(text, /r-1/);
    assert.equal(errors.length, 1);
    assert.match(JSON.stringify(errors), /"requestId":"r-1".*swordfish/);
    assert.doesNotMatch(JSON.stringify(errors), new RegExp(authorization));
  });

  test("a lost race is a CONFLICT, and a visible failure keeps its code, status and hint", async () => {
    const api = await createTestApi();
    const failing = async (error: Error) => {
      api.deps.store.query = async () => {
        throw error;
      };
      return api.send("GET", "/v1/sites");
    };
    assert.deepEqual((await failing(new CommitConflict())).status, 409);
    const full = await failing(new VisibleError("STORE_FULL", "No room.", { hint: "Make some." }));
    assert.deepEqual(full, {
      status: 507,
      body: { error: { code: "STORE_FULL", message: "No room.", hint: "Make some." } },
    });
    assert.deepEqual(api.errors, []);
  });

  test("a disk that is full under the control plane, and too few descriptors, are told and are no defects", async () => {
    const api = await createTestApi();
    const because = async (error: Error) => {
      api.deps.store.query = async () => {
        throw error;
      };
      const { status, body } = await api.send<ErrorBody>("GET", "/v1/sites");
      return { status, ...body.error };
    };
    const full = await because(new Error("commit failed (backend: database or disk is full)"));
    assert.deepEqual(
      [full.status, full.code, full.message],
      [507, "STORE_FULL", "The control plane has no space left on its disk."],
    );
    const few = await because(new Error("failed", { cause: Object.assign(new Error("connect"), { code: "EMFILE" }) }));
    assert.deepEqual([few.status, few.code], [500, "TOO_FEW_DESCRIPTORS"]);
    assert.ok(full.hint && few.hint);
    assert.deepEqual(api.errors, []);
  });

  test("every answer has the headers that keep browsers from guessing", async () => {
    const { app } = await createTestApi();
    const answer = await app.request("/v1/sites");
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.ok(answer.headers.get("x-request-id"));
  });
});
