import { createDynamodbStore } from "../../functions/aws/dynamodb-store.ts";
import { storeConformance } from "../../functions/documents/store.conformance.ts";
import { createModelClient } from "./model-client.ts";
import { ModelTable } from "./model-table.ts";

const well = { throttled: 0, answerLost: 0, raced: 0, indexLags: 0 };

storeConformance("in the model of DynamoDB that the simulation has", async () => {
  const table = new ModelTable({ faults: () => well, happens: () => false });
  const client = createModelClient(table, async (request) => request());
  const store = createDynamodbStore({ client, tableName: "test" });
  return { store, stop: async () => client.destroy() };
});
