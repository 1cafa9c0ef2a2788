import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import { storeConformance } from "../store.conformance.ts";
import { createClients } from "./clients.ts";
import { createDynamodbStore } from "./dynamodb-store.ts";
import { ensureTable } from "./table.ts";

storeConformance("in DynamoDB", async () => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-dynamo-"));
  const emulator = await startDynamo({ dir });
  const clients = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
  await ensureTable(clients.dynamodb, "test");
  await ensureTable(clients.dynamodb, "test");
  assert(emulator.endpoint.startsWith("http://127.0.0.1:"));
  return {
    store: createDynamodbStore({ client: clients.dynamodb, tableName: "test" }),
    async stop() {
      clients.destroy();
      await emulator.stop();
      await rm(dir, { recursive: true });
    },
  };
});
