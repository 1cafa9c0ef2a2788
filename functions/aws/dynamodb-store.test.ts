import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import { dynamodbConformance } from "./dynamodb-store.conformance.ts";

dynamodbConformance("by dynoxide", async () => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-dynamo-"));
  const emulator = await startDynamo({ dir });
  assert(emulator.endpoint.startsWith("http://127.0.0.1:"));
  return {
    env: { AWS_ENDPOINT_URL_DYNAMODB: emulator.endpoint },
    async stop() {
      await emulator.stop();
      await rm(dir, { recursive: true });
    },
  };
});
