import type { CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { type TableKind, tableKinds } from "../documents/tables.ts";

/** The index that finds what is due: sparse, since only documents with a `dueAt` carry its keys. */
export const dueIndexName = "due";
/**
 * Partitions of the index: enough that it never limits the writes of the table. A change needs
 * every item rewritten.
 */
export const dueShards = 32;
/** The attribute that DynamoDB's time to live looks at: seconds since 1970. */
export const ttlAttribute = "ttl";

type Definition = Omit<CreateTableCommandInput, "TableName">;

/** A table in which documents can be due. */
const withIndex = {
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
} as const satisfies Definition;

/** One in which nothing is ever due. */
const plain = {
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [
    { AttributeName: "pk", AttributeType: "S" },
    { AttributeName: "sk", AttributeType: "S" },
  ],
  KeySchema: [
    { AttributeName: "pk", KeyType: "HASH" },
    { AttributeName: "sk", KeyType: "RANGE" },
  ],
} as const satisfies Definition;

/** The tables, but for their names. */
export const tableDefinitions = { state: withIndex, access: plain, audit: plain } as const;

export type TableNames = Readonly<Record<TableKind, string>>;

/** The names of all tables, by that of the first, which once had everything in it. */
export const tableNamesOf = (name: string): TableNames => ({
  state: name,
  access: `${name}-access`,
  audit: `${name}-audit`,
});

const createTable = async (client: DynamoDBClient, name: string, kind: TableKind): Promise<void> => {
  try {
    // The SDK's type wants arrays that can be written to.
    const definition: Definition = kind === "state" ? structuredClone(withIndex) : structuredClone(plain);
    await client.send(new CreateTableCommand({ TableName: name, ...definition }));
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

const ensureTable = async (client: DynamoDBClient, name: string, kind: TableKind): Promise<void> => {
  await createTable(client, name, kind);
  await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 5 }, { TableName: name });
  await enableTimeToLive(client, name);
};

/**
 * Makes the tables with their index and their time to live where they are not there yet, and waits
 * until they can be used, 60 s at most. For local runs: on AWS the deployment makes them from the
 * same definitions.
 */
export const ensureTables = async (client: DynamoDBClient, name: string): Promise<void> => {
  const names = tableNamesOf(name);
  await Promise.all(tableKinds.map((kind) => ensureTable(client, names[kind], kind)));
};
