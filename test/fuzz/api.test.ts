import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { serve } from "@hono/node-server";
import { createNightlyPlan, createTestApi } from "../../functions/api/testing.ts";
import { cachedSchemathesis } from "../../infra/schemathesis/program.ts";

/** For all of it; what it has not come to by then is left out. */
const secondsMax = 150;
const casesMin = 500;

/*
 * Of what it can check these are promises of the API. That whatever fits the document is accepted
 * is none: a cursor is one that a list has given.
 */
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "unsupported_method",
  "allow_header_conformance",
];

test("whatever is sent to the API by its OpenAPI document, and against it, is answered as that says, and nothing with 5xx", async (t) => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  const token = await api.token();
  // Node's own answer to a long line of a request is none of the API's.
  const serverOptions = { maxHeaderSize: 2 ** 20 };
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: "127.0.0.1", serverOptions });
  t.after(() => server.close());
  if (!server.listening) await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-fuzz-"));
  t.after(() => rm(dir, { recursive: true }));
  const parameters = [
    ...["run", `http://127.0.0.1:${port}/openapi.json`, "--header", `Authorization: Bearer ${token}`],
    ...["--checks", checks.join(","), "--phases", "examples,coverage,fuzzing", "--max-examples", "20"],
    ...["--seed", "18", "--max-time", `${secondsMax}`, "--warnings", "off", "--no-color"],
  ];
  const { PATH } = process.env;
  const env = { ...(PATH !== undefined && { PATH }), HOME: dir, NO_PROXY: "127.0.0.1" };
  const child = spawn(cachedSchemathesis.command, parameters, { cwd: dir, env, stdio: ["ignore", "pipe", "inherit"] });
  t.signal.addEventListener("abort", () => child.kill());
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);

  assert.equal(code, 0, said.slice(-20_000));
  const [, cases] = /(\d+) generated/.exec(said) ?? [];
  assert.ok(Number(cases) >= casesMin, said);
  assert.deepEqual(api.errors, [], "nothing was logged as an error");
  t.diagnostic(`${cases} cases`);
});
