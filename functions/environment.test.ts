import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../core/api/errors.ts";
import { audiencesFrom } from "./environment.ts";

test("the hosts that proofs are made for are those of API_URLS, written as a gateway writes them", () => {
  const urls = " https://Id.execute-api.us-east-1.amazonaws.com  https://backup.example:443/ http://10.0.0.1:8080 ";
  assert.deepEqual(audiencesFrom({ API_URLS: urls }), [
    "id.execute-api.us-east-1.amazonaws.com",
    "backup.example",
    "10.0.0.1:8080",
  ]);
});

test("an API that does not know its URL does not start: it would believe any host, or none", () => {
  for (const env of [
    {},
    { API_URLS: "" },
    { API_URLS: " " },
    { API_URLS: "backup.example" },
    { API_URLS: "backup.example:443" },
    { API_URLS: "https://a.example b" },
  ]) {
    assert.throws(
      () => audiencesFrom(env),
      (error) => VisibleError.is(error, "BAD_REQUEST") && error.message.includes("API_URLS"),
    );
  }
});
