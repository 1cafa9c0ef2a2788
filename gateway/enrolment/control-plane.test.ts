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
