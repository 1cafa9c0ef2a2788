import {
  ConditionalCheckFailedException,
  ProvisionedThroughputExceededException,
  ThrottlingException,
  TransactionCanceledException,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import type { Raw } from "./capacity.ts";
import { marshalledItem } from "./model-expressions.ts";

export const throttlings = [
  () => new ThrottlingException({ message: "Rate of requests exceeds the allowed throughput.", $metadata: {} }),
  () => new ProvisionedThroughputExceededException({ message: "The table's throughput is exceeded.", $metadata: {} }),
] as const;

/** Where an item was asked for, DynamoDB gives it with the reason. */
const itemField = (item: Raw | undefined) => (item === undefined ? {} : { Item: marshalledItem(item) as never });

/** A reason for each action, `None` for one that is not to blame. */
export const cancelled = (reasons: readonly { readonly Code: string; readonly item?: Raw | undefined }[]) =>
  new TransactionCanceledException({
    message: "Transaction cancelled, please refer cancellation reasons for specific reasons",
    $metadata: {},
    CancellationReasons: reasons.map(({ Code, item }) => ({ Code, ...itemField(item) })),
  });

/** What a write outside of transactions gets when one is at work on its item. */
export const conflicting = () =>
  new TransactionConflictException({ message: "Transaction is ongoing for the item", $metadata: {} });

export const conditionFailed = (item: Raw | undefined) =>
  new ConditionalCheckFailedException({
    message: "The conditional request failed",
    $metadata: {},
    ...itemField(item),
  });

/** What the SDK makes of a connection that breaks before the answer. */
export const answerLost = () => Object.assign(new Error("the answer got lost"), { name: "TimeoutError" });
