import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");
const composeSchema = z.strictObject({
  services: z.strictObject({
    localstack: z.strictObject({
      image: z.string(),
      environment: z.record(z.string(), z.string()),
      ports: z.array(z.string()),
      healthcheck: z.strictObject({
        test: z.array(z.string()),
        interval: z.string(),
        timeout: z.string(),
        retries: z.int(),
      }),
    }),
  }),
});

// There is no Docker where this is tested: the file is read, and nothing is started from it.
describe("LocalStack's compose file", () => {
  test("names the last version without a token, the services that are used, and a port of loopback only", async () => {
    const { localstack } = composeSchema.parse(parse(await read("infra/localstack/compose.yaml"))).services;
    assert.equal(localstack.image, "docker.io/localstack/localstack:4.14.0");
    for (const service of ["dynamodb", "sqs", "scheduler"]) {
      assert(localstack.environment["SERVICES"]?.split(",").includes(service), service);
    }
    assert.deepEqual(localstack.ports, ["127.0.0.1:4566:4566"]);
  });

  test("is what docs/emulators.md starts, which says that it has not been run", async () => {
    const guide = await read("docs/emulators.md");
    assert.match(guide, /docker compose -f infra\/localstack\/compose\.yaml up/);
    assert.match(guide, /AWS_ENDPOINT_URL=http:\/\/127\.0\.0\.1:4566/);
    assert.match(guide, /not been run/);
  });
});
