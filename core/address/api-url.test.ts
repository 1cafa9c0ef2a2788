import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { apiUrlSchema, localApiUrlSchema } from "./api-url.ts";

const here = ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:1", "http://127.1/", "http://2130706433/"];

describe("the API's URL", () => {
  test("is of https, or of this host", () => {
    for (const url of [...here, "https://backup.example.com", "https://backup.example.com:8443/stage"]) {
      assert.ok(apiUrlSchema.safeParse(url).success, url);
    }
  });

  test("is no plain HTTP to anybody else, whatever it is made to look like", () => {
    for (const url of [
      "http://backup.example.com",
      "http://127.0.0.1.example.com",
      "http://localhost.example.com",
      "http://localhost@backup.example.com",
      "http://127.0.0.1:80@backup.example.com",
      "http://backup.example.com#@127.0.0.1",
      "http://backup.example.com\\@127.0.0.1",
      "HTTP://backup.example.com",
      "http://10.0.0.1",
      "http://0.0.0.0:8080",
      "http://[::ffff:10.0.0.1]",
      // A proxy would be asked for it: it is none of the names that go past one.
      "http://127.0.0.2",
      "http:backup.example.com",
      "ftp://127.0.0.1",
      "backup.example.com",
      "",
    ]) {
      assert.ok(!apiUrlSchema.safeParse(url).success, url);
    }
  });

  test("carries no secret of its own", () => {
    assert.ok(!apiUrlSchema.safeParse("https://me:secret@backup.example.com").success);
  });

  test("of a local environment is of this host, with TLS or without", () => {
    for (const url of here) assert.ok(localApiUrlSchema.safeParse(url).success, url);
    assert.ok(!localApiUrlSchema.safeParse("https://backup.example.com").success);
  });
});
