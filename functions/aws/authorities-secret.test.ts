import assert from "node:assert/strict";
import { test } from "node:test";
import { ResourceNotFoundException } from "@aws-sdk/client-secrets-manager";
import { authoritiesSecret } from "./authorities-secret.ts";

const readFrom = (answer: () => Promise<object>) => {
  const asked: unknown[] = [];
  const send = async ({ input }: { readonly input: unknown }) => {
    asked.push(input);
    return answer();
  };
  return { asked, read: authoritiesSecret({ send } as never, "name") };
};

test("the authorities' secret is read by its name", async () => {
  const { asked, read } = readFrom(async () => ({ SecretString: '{"mc":"x"}' }));
  assert.equal(await read(), '{"mc":"x"}');
  assert.deepEqual(asked, [{ SecretId: "name" }]);
});

test("a secret in which nobody has put anything has no authorities, and one that is refused is an error", async () => {
  const empty = new ResourceNotFoundException({ message: "no value", $metadata: {} });
  assert.equal(await readFrom(() => Promise.reject(empty)).read(), "{}");
  await assert.rejects(readFrom(() => Promise.reject(new Error("AccessDenied"))).read(), /AccessDenied/);
});
