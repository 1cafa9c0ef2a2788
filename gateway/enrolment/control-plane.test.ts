import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import { askControlPlane } from "./control-plane.ts";

const serve = async (t: TestContext, answer: RequestListener): Promise<string> => {
  const server = createServer(answer).listen(0, "127.0.0.1");
  t.after(() => void server.close().closeAllConnections());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

test("a gateway's token or proof never goes to where a redirect leads", async (t) => {
  let asked = 0;
  const elsewhere = await serve(t, (_, answer) => {
    asked += 1;
    answer.writeHead(201).end("{}");
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const api = await serve(t, (_, answer) => void answer.writeHead(status, { location: elsewhere }).end());
    const { signal } = new AbortController();
    const asking = { api, path: "/v1/enrol", bearer: () => "secret", json: {}, answer: z.object({}), signal };
    await assert.rejects(askControlPlane(asking), (error) => VisibleError.is(error, "LINK_BROKEN"));
  }
  assert.equal(asked, 0);
});

test("a gateway asks again with the nonce that it is given, with a proof made anew, and gives up after four", async (t) => {
  const { signal } = new AbortController();
  const nonces: (string | undefined)[] = [];
  const bearer = ({ nonce }: { readonly nonce: string | undefined }) => {
    nonces.push(nonce);
    return `proof-${nonce}`;
  };
  let goodAfter = 1;
  let asked = 0;
  const api = await serve(t, (request, answer) => {
    asked += 1;
    assert.equal(request.headers.authorization, `Bearer proof-${nonces.at(-1)}`);
    if (asked > goodAfter) return void answer.writeHead(201).end("{}");
    const error = { code: "USE_NONCE", message: "With a nonce." };
    answer.writeHead(401, { "proof-nonce": `n${asked}` }).end(JSON.stringify({ error }));
  });
  const asking = { api, path: "/v1/renew", bearer, json: {}, answer: z.object({}), signal };
  await askControlPlane(asking);
  assert.deepEqual(nonces, [undefined, "n1"]);
  goodAfter = Number.POSITIVE_INFINITY;
  asked = 0;
  await assert.rejects(askControlPlane(asking), (error) => VisibleError.is(error, "USE_NONCE"));
  assert.equal(asked, 4);
});
