import type { CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";

/** The index that finds what is due: sparse, since only documents with a `dueAt` carry its keys. */
export const dueIndexName = "due";
/**
 * Partitions of the index: enough that it never limits the writes of the table. A change needs
 * every item rewritten.
 */
export const dueShards = 32;
/** The attribute that DynamoDB's time to live looks at: seconds since 1970. */
export const ttlAttribute = "ttl";

/** The one table, but for its name. */
export const tableDefinition = {
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [
    { AttributeName: "pk", AttributeType: "S" },
    { AttributeName: "sk", AttributeType: "S" },
    { AttributeName: "dueShard", AttributeType: "N" },
    { AttributeName: "dueAt", AttributeType: "S" },
  ],
  KeySchema: [
    { AttributeName: "pk", KeyType: "HASH" },
    { AttributeName: "sk", KeyType: "RANGE" },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: dueIndexName,
      KeySchema: [
        { AttributeName: "dueShard", KeyType: "HASH" },
        { AttributeName: "dueAt", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "KEYS_ONLY" },
    },
  ],
} as const satisfies Omit<CreateTableCommandInput, "TableName">;

const createTable = async (client: DynamoDBClient, name: string): Promise<void> => {
  try {
    // The SDK's type wants arrays that can be written to.
    await client.send(new CreateTableCommand({ TableName: name, ...structuredClone(tableDefinition) }));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
};

const enableTimeToLive = async (client: DynamoDBClient, name: string): Promise<void> => {
  const { TimeToLiveDescription: before } = await client.send(new DescribeTimeToLiveCommand({ TableName: name }));
  if (before?.TimeToLiveStatus === "ENABLED" || before?.TimeToLiveStatus === "ENABLING") return;
  const specification = { Enabled: true, AttributeName: ttlAttribute };
  await client.send(new UpdateTimeToLiveCommand({ TableName: name, TimeToLiveSpecification: specification }));
};

/**
 * Makes the table with its index and its time to live where they are not there yet, and
 * waits until it can be used, 60 s at most. For local runs: on AWS the deployment makes it
 * from the same definition.
 */
export const ensureTable = async (client: DynamoDBClient, name: string): Promise<void> => {
  await createTable(client, name);
  await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 5 }, { TableName: name });
  await enableTimeToLive(client, name);
};
