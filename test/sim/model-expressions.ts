import assert from "node:assert/strict";
import type { Raw } from "./capacity.ts";
import type { ItemKey } from "./model-items.ts";

/** What is done to one item, as the adapter asks for it. */
export interface Action {
  readonly Key: ItemKey;
  /** Of a put, which names its key in there. */
  readonly Item?: Raw;
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Raw;
  readonly ReturnValuesOnConditionCheckFailure?: "ALL_OLD" | "NONE";
}

export const actionOf = (asked: Raw): Action => {
  const { Item } = asked as { readonly Item?: Raw };
  const Key = Item === undefined ? asked["Key"] : { pk: Item["pk"], sk: Item["sk"] };
  return { ...asked, Key: Key as ItemKey };
};

const kindAndAction = (one: Readonly<Record<string, Raw>>): readonly [kind: string, action: Action] => {
  const [kind, asked] = Object.entries(one)[0] as [string, Raw];
  return [kind.replace("Request", ""), actionOf(asked)];
};

/** What a transaction consists of. */
export const actionsOf = (input: Raw) => (input["TransactItems"] as Readonly<Record<string, Raw>>[]).map(kindAndAction);

/** What a batch of writes consists of. */
export const requestsOf = (input: Raw) =>
  Object.values(input["RequestItems"] as Record<string, Readonly<Record<string, Raw>>[]>)
    .flat()
    .map(kindAndAction);

/** The items that a request writes, or looks at to write others. */
export const keysOf = (command: string, input: Raw): readonly ItemKey[] => {
  if (command === "TransactWriteItemsCommand") return actionsOf(input).map(([, { Key }]) => Key);
  if (command === "BatchWriteItemCommand") return requestsOf(input).map(([, { Key }]) => Key);
  return command === "QueryCommand" || command === "GetItemCommand" ? [] : [actionOf(input).Key];
};

/** Whether an action's condition holds; of all conditions, those of the adapter. */
export const holds = (item: Raw | undefined, { ConditionExpression, ExpressionAttributeValues }: Action): boolean => {
  switch (ConditionExpression) {
    case undefined:
    case "attribute_exists(pk) OR attribute_not_exists(pk)":
      return true;
    case "attribute_not_exists(pk)":
      return item === undefined;
    case "#version = :expected":
      return item?.["version"] === ExpressionAttributeValues?.[":expected"];
    default:
      return assert.fail(`the model does not know the condition ${ConditionExpression}`);
  }
};

const counting = "if_not_exists(#version, :zero) + :one";

/** `SET #a = :a, … REMOVE #b, …` of all attributes, with the one sum that the adapter has. */
export const updated = (before: Raw | undefined, action: Action): Raw => {
  const { Key, UpdateExpression = "", ExpressionAttributeNames = {}, ExpressionAttributeValues = {} } = action;
  // The adapter replaces every attribute: of what was there, the version counts.
  const raw: Record<string, unknown> = { ...Key };
  const [sets = "", removals] = UpdateExpression.replace(/^SET /, "").split(" REMOVE ");
  for (const set of sets.replace(counting, ":counted").split(", ")) {
    const [name = "", value = ""] = set.split(" = ");
    raw[ExpressionAttributeNames[name] ?? assert.fail(set)] =
      value === ":counted" ? ((before?.["version"] as number | undefined) ?? 0) + 1 : ExpressionAttributeValues[value];
  }
  const named = [...Object.keys(raw), ...(removals?.split(", ") ?? []).map((name) => ExpressionAttributeNames[name])];
  for (const name of Object.keys(before ?? {})) assert(named.includes(name), `the update leaves ${name} as it was`);
  return raw;
};

/**
 * A value as DynamoDB's own protocol has it, which the document client leaves in what it throws.
 */
export const marshalled = (value: unknown): object => {
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") return { N: value.toString() };
  if (typeof value === "boolean") return { BOOL: value };
  if (typeof value !== "object" || value === null) return { NULL: true };
  if (Array.isArray(value)) return { L: value.map(marshalled) };
  return { M: marshalledItem(value as Raw) };
};

export const marshalledItem = (item: Raw) =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, marshalled(value)]));
