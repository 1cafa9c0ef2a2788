import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type ErrorCode, VisibleError } from "../../core/api/errors.ts";
import { createNightlyPlan, createTestApi } from "../../functions/api/testing.ts";
import { answerOf, createClient } from "./client.ts";

const url = "http://127.0.0.1:1";

const connected = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  const send = async (input: string | URL | Request, init?: RequestInit) => api.app.request(input as string, init);
  return { api, send, client: createClient({ url, token: await api.token(), fetch: send }) };
};

const serve = async (t: TestContext, answer: RequestListener): Promise<string> => {
  const server = createServer(answer).listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const failsWith = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(VisibleError.is(error, code), `${error}`);
  assert.match(error.message, message);
  assert.ok(error.hint);
  return true;
};

describe("client", () => {
  test("gives the body of an answer with the type of its route, and nothing for an empty one", async () => {
    const { client } = await connected();
    const plan = await answerOf(client.v1.plans[":plan"].$get({ param: { plan: "nightly" } }));
    assert.deepEqual(plan.objects[0], { kind: "lun", id: "lun-db", name: "db" });
    const run = await answerOf(client.v1.plans[":plan"].run.$post({ param: { plan: plan.id } }));
    const { items } = await answerOf(
      client.v1.plans[":plan"].runs.$get({ param: { plan: plan.id }, query: { limit: "1" } }),
    );
    assert.ok(items[0]?.type === "run" && items[0].run.id === run.id);
    assert.equal(await answerOf(client.v1.plans[":plan"].$delete({ param: { plan: plan.id } })), undefined);
  });

  test("throws what the API refuses as the error that it was there, with its hint", async () => {
    const { client } = await connected();
    await assert.rejects(
      client.v1.sites.$post({ json: { id: "a", multiCluster: "main" } }),
      failsWith("SITE_EXISTS", /site “a” already/),
    );
    await assert.rejects(
      client.v1.sites.$post({ json: { id: "A", multiCluster: "x" } }),
      failsWith("BAD_REQUEST", /id:/),
    );
  });

  test("throws UNAUTHENTICATED for a token that is none", async () => {
    const { send } = await connected();
    const client = createClient({ url, token: "smtxb_x", fetch: send });
    await assert.rejects(client.v1.sites.$get({ query: {} }), failsWith("UNAUTHENTICATED", /token/));
  });

  test("says why the API can't be reached", async () => {
    const client = createClient({ url, token: "x" });
    await assert.rejects(
      client.v1.sites.$get({ query: {} }),
      failsWith("LINK_BROKEN", /127\.0\.0\.1:1 can't be reached: .+/),
    );
  });

  test("gives up on an answer that begins in time and does not end", async (t) => {
    const slow = await serve(
      t,
      (_, answer) => void answer.writeHead(200, { "content-type": "application/json" }).write("{"),
    );
    const client = createClient({ url: slow, token: "x", timeoutSeconds: 0.05 });
    await assert.rejects(client.v1.sites.$get({ query: {} }), failsWith("TIMEOUT", /within 0\.05 seconds/));
  });

  test("ends with the caller's own reason when it is told to stop", async (t) => {
    const stopping = new AbortController();
    const silent = await serve(t, () => stopping.abort(new Error("stopped")));
    const client = createClient({ url: silent, token: "x", signal: stopping.signal });
    await assert.rejects(client.v1.sites.$get({ query: {} }), { message: "stopped" });
  });

  test("takes an answer that is not the API's for what it is", async (t) => {
    const proxy = await serve(t, (_, answer) => void answer.writeHead(502).end("<html>"));
    const client = createClient({ url: proxy, token: "x" });
    await assert.rejects(client.v1.sites.$get({ query: {} }), failsWith("INTERNAL", /status 502/));
  });

  test("never carries its token to where a redirect leads", async (t) => {
    const seen: unknown[] = [];
    const elsewhere = await serve(t, (request, answer) => {
      seen.push(request.headers.authorization);
      answer.end("{}");
    });
    const here = await serve(t, (_, answer) => void answer.writeHead(307, { location: elsewhere }).end());
    const client = createClient({ url: here, token: "x" });
    await assert.rejects(client.v1.sites.$get({ query: {} }), failsWith("LINK_BROKEN", /redirect/));
    assert.deepEqual(seen, []);
  });
});
