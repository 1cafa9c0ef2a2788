import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewayAnswerSchema } from "../../../core/api/answers.ts";
import { gatewayStateText } from "./gateway.ts";

const stateOf = (more: object): string =>
  gatewayStateText(
    gatewayAnswerSchema.parse({
      ...{ id: "b1", siteId: "b", endpoint: "x:1", tunnel: "envoy", version: "1", storage: "extentstore" },
      ...{ lastSeenAt: "2026-11-24T01:00:00.000Z", alive: true },
      ...more,
    }),
  );

test("a gateway is alive, or it is said why that is of no use", () => {
  assert.equal(stateOf({}), "alive");
  assert.equal(stateOf({ clockAheadSeconds: -30 }), "alive");
  assert.equal(stateOf({ alive: false, certificateProblem: "expired" }), "absent");
  assert.equal(stateOf({ certificateProblem: "expired" }), "certificate expired");
  assert.equal(
    stateOf({ certificateProblem: "not-yet-valid", clockAheadSeconds: -7200 }),
    "certificate not valid yet, clock 2 h behind",
  );
  assert.equal(stateOf({ clockAheadSeconds: 730 * 86_400 }), "clock 730 d ahead");
});
