import { dueIndexName, tableDefinitions, ttlAttribute } from "../../functions/aws/table.ts";
import { type TableKind, tableKinds } from "../../functions/documents/tables.ts";
import { namesOf } from "./names.ts";

const typeOf = { S: "string", N: "number" } as const;

/** The first has had this name since it was the only one. */
const idOf = { state: "Table", access: "AccessTable", audit: "AuditTable" } as const;

const [due] = tableDefinitions.state.GlobalSecondaryIndexes;
const [dueHash, dueRange] = due.KeySchema;
const dueIndex = {
  [dueIndexName]: {
    hashKey: dueHash.AttributeName,
    rangeKey: dueRange.AttributeName,
    projection: "keys-only",
  },
} as const;

const createTable = (prefix: string, kind: TableKind, isProduction: boolean) => {
  const { AttributeDefinitions, KeySchema } = tableDefinitions[kind];
  const [hash, range] = KeySchema;
  return new sst.aws.Dynamo(idOf[kind], {
    fields: Object.fromEntries(
      AttributeDefinitions.map(({ AttributeName, AttributeType }) => [AttributeName, typeOf[AttributeType]]),
    ),
    primaryIndex: { hashKey: hash.AttributeName, rangeKey: range.AttributeName },
    ...(kind === "state" && { globalIndexes: dueIndex }),
    ttl: ttlAttribute,
    deletionProtection: isProduction,
    transform: { table: { name: namesOf(prefix).tables[kind], pointInTimeRecovery: { enabled: true } } },
  });
};

/**
 * The tables, from the definitions that local runs make theirs from. What is in them can be had
 * back to any second of 35 days.
 */
export const createTables = (prefix: string, { isProduction }: { readonly isProduction: boolean }) => {
  const tables = tableKinds.map((kind) => [kind, createTable(prefix, kind, isProduction)] as const);
  return Object.fromEntries(tables) as Record<TableKind, sst.aws.Dynamo>;
};
