import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Token } from "../../core/api/token.ts";
import type { Page } from "../documents/page.ts";
import { createToken } from "../tokens/tokens.ts";
import { createTestApi } from "./testing.ts";

type Created = Token & { token: string };

describe("tokens", () => {
  test("a token is shown once, works, is listed without its secret, and works no more when it is revoked", async () => {
    const { send } = await createTestApi();
    const { status, body } = await send<Created>("POST", "/v1/tokens", { name: "console", scopes: ["read", "read"] });
    assert.equal(status, 201);
    assert.match(body.token, new RegExp(`^smtxb_${body.id}_[0-9a-f]{64}$`));
    assert.equal((await send("GET", "/v1/sites", undefined, body.token)).status, 200);
    const { token, ...known } = body;
    const listed = (await send<Page<Token>>("GET", "/v1/tokens")).body.items;
    assert.deepEqual(
      listed.find(({ id }) => id === body.id),
      { ...known, scopes: ["read"] },
    );
    assert.deepEqual(await send("DELETE", `/v1/tokens/${body.id}`), { status: 204, body: undefined });
    assert.equal((await send("GET", "/v1/sites", undefined, token)).status, 401);
    assert.equal((await send("DELETE", `/v1/tokens/${body.id}`)).body.error.code, "NOT_FOUND");
  });

  test("no secret is stored", async () => {
    const { send, dump } = await createTestApi();
    const { body } = await send<Created>("POST", "/v1/tokens", { name: "console", scopes: ["read"] });
    const [, id, secret] = body.token.split("_");
    assert.ok(id && secret);
    assert.ok((await dump()).includes(id));
    assert.ok(!(await dump()).includes(secret));
  });

  test("the secret comes from the source that is given, and differs from token to token by default", async () => {
    const { deps } = await createTestApi();
    const fixed = await createToken(deps, { name: "x", scopes: ["read"] }, (bytes) => new Uint8Array(bytes).fill(0xab));
    assert.equal(fixed.token, `smtxb_${"ab".repeat(6)}_${"ab".repeat(32)}`);
    const made = await Promise.all([1, 2].map(() => createToken(deps, { name: "x", scopes: ["read"] })));
    assert.equal(new Set(made.map(({ token }) => token.slice(-64))).size, 2);
  });

  test("wishes that make no sense are refused and change nothing", async () => {
    const { send, dump } = await createTestApi();
    const before = await dump();
    for (const json of [
      { name: "x", scopes: [] },
      { name: "x", scopes: ["root"] },
      { name: "", scopes: ["read"] },
      { name: "x", scopes: ["read"], expiresAt: "tomorrow" },
      { name: "x", scopes: ["read"], expiresAt: "2026-03-01T01:30:00+01:00" },
      { name: "x", scopes: ["read"], id: "0123456789ab" },
    ]) {
      const { status, body } = await send("POST", "/v1/tokens", json);
      assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"], JSON.stringify(json));
      assert.ok(body.error.hint);
    }
    assert.equal(await dump(), before);
  });

  test("an expiry with an offset is kept as an instant in UTC", async () => {
    const { send } = await createTestApi();
    const json = { name: "x", scopes: ["read"], expiresAt: "2026-03-02T01:00:00+01:00" };
    assert.equal((await send<Created>("POST", "/v1/tokens", json)).body.expiresAt, "2026-03-02T00:00:00.000Z");
  });
});
