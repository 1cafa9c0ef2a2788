/**
 * The parts of Lambda's events that are used here
 * (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event).
 */

export interface SQSRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: {
    /** Counts from "1". */
    readonly ApproximateReceiveCount: string;
    /** Milliseconds since 1970. */
    readonly SentTimestamp: string;
    readonly SenderId: string;
    /** Whose share of the queue the message has; its sender says it. */
    readonly MessageGroupId?: string;
    readonly ApproximateFirstReceiveTimestamp: string;
  };
  readonly messageAttributes: Readonly<Record<string, never>>;
  readonly md5OfBody: string;
  readonly eventSource: "aws:sqs";
  readonly eventSourceARN: string;
  readonly awsRegion: string;
}

export interface SQSEvent {
  readonly Records: readonly SQSRecord[];
}

/**
 * The messages that are to come again; all others are deleted. Needs `ReportBatchItemFailures`
 * on the event source.
 */
export interface SQSBatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}
