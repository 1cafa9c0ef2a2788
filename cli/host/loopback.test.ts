import assert from "node:assert/strict";
import { test } from "node:test";
import { reachLoopbackDirectly } from "./loopback.ts";

const reached = (env: Record<string, string>) => {
  reachLoopbackDirectly(env);
  return env;
};

test("this host is added to what is reached without a proxy", () => {
  const loopback = "127.0.0.1,localhost,::1";
  assert.deepEqual(reached({}), { NO_PROXY: loopback, no_proxy: loopback });
  const both = `example.com,${loopback}`;
  assert.deepEqual(reached({ NO_PROXY: "example.com" }), { NO_PROXY: both, no_proxy: both });
});

test("where everything is reached without a proxy, nothing is changed", () => {
  for (const env of [{ NO_PROXY: "*" }, { no_proxy: "*" }, { no_proxy: "*", NO_PROXY: "example.com" }]) {
    assert.deepEqual(reached({ ...env }), env);
  }
});
