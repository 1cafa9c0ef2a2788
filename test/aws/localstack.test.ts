import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { localstackEnvironment, localstackVersion, publishedBefore } from "../../infra/localstack/program.ts";

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

// LocalStack itself is tested without a container. There is no Docker here: this file is read, and
// nothing is started from it.
describe("LocalStack's compose file", () => {
  test("names the last version without a token, the services that are used, and a port of loopback only", async () => {
    const { localstack } = composeSchema.parse(parse(await read("infra/localstack/compose.yaml"))).services;
    assert.equal(localstack.image, `docker.io/localstack/localstack:${localstackVersion}`);
    for (const service of ["dynamodb", "sqs", "scheduler"]) {
      assert(localstack.environment["SERVICES"]?.split(",").includes(service), service);
    }
    assert.deepEqual(localstack.ports, ["127.0.0.1:4566:4566"]);
  });

  test("is what docs/emulators.md starts, which says that it has not been run", async () => {
    const guide = await read("docs/emulators.md");
    assert.match(guide, /docker compose -f infra\/localstack\/compose\.yaml up/);
    assert.match(guide, /AWS_ENDPOINT_URL=http:\/\/127\.0\.0\.1:4566/);
    assert.match(guide, /image has not been run/);
  });

  test("and the recipe without Docker there is what the tests do", async () => {
    const guide = await read("docs/emulators.md");
    assert(guide.includes(`--exclude-newer ${publishedBefore} 'localstack-core[runtime]==${localstackVersion}'`));
    const ours = localstackEnvironment("$PWD/localstack", 4566);
    for (const [name, value] of Object.entries(ours)) {
      if (name !== "HOME") assert(guide.includes(`${name}=${value}`), `${name}=${value}`);
    }
  });
});
