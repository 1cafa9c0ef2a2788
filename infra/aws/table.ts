import { dueIndexName, tableDefinition, ttlAttribute } from "../../functions/aws/table.ts";
import { namesOf } from "./names.ts";

const typeOf = { S: "string", N: "number" } as const;

const fields = Object.fromEntries(
  tableDefinition.AttributeDefinitions.map(({ AttributeName, AttributeType }) => [
    AttributeName,
    typeOf[AttributeType],
  ]),
);

const [hash, range] = tableDefinition.KeySchema;
const [due] = tableDefinition.GlobalSecondaryIndexes;
const [dueHash, dueRange] = due.KeySchema;

/**
 * The one table, from the definition that local runs make theirs from. What is in it can be had
 * back to any second of 35 days.
 */
export const createTable = (prefix: string, { isProduction }: { readonly isProduction: boolean }) =>
  new sst.aws.Dynamo("Table", {
    fields,
    primaryIndex: { hashKey: hash.AttributeName, rangeKey: range.AttributeName },
    globalIndexes: {
      [dueIndexName]: {
        hashKey: dueHash.AttributeName,
        rangeKey: dueRange.AttributeName,
        projection: "keys-only",
      },
    },
    ttl: ttlAttribute,
    deletionProtection: isProduction,
    transform: { table: { name: namesOf(prefix).table, pointInTimeRecovery: { enabled: true } } },
  });
