import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import type { SQSClient } from "@aws-sdk/client-sqs";
import { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import type { TaskQueue } from "../../core/ports/queue.ts";
import { ensureSiteQueues } from "./queues.ts";

/**
 * A site's queues are made when the site is registered. Who may make queues may do harm, so on AWS
 * a function of its own does, which may do nothing else; the API asks it.
 */
const requestSchema = z.strictObject({ siteId: siteIdSchema });

/** The function's side: takes `{ siteId }`. */
export const handleSiteQueues = async (client: SQSClient, prefix: string, input: unknown): Promise<void> => {
  await ensureSiteQueues(client, prefix, requestSchema.parse(input).siteId);
};

/** The API's side: the task queues, but for making them, which it lets the function do. */
export const withSiteQueuesFunction = (tasks: TaskQueue, client: LambdaClient, functionName: string): TaskQueue => ({
  send: (siteId, some) => tasks.send(siteId, some),
  async ensure(siteId) {
    const Payload = JSON.stringify({ siteId } satisfies z.input<typeof requestSchema>);
    const { FunctionError, Payload: answer } = await client.send(
      new InvokeCommand({ FunctionName: functionName, Payload }),
    );
    if (FunctionError === undefined) return;
    throw new VisibleError("INTERNAL", `The queues of site “${siteId}” could not be made.`, {
      hint: `Look into the log of the function ${functionName}, then try again.`,
      cause: new Error(answer === undefined ? FunctionError : Buffer.from(answer).toString()),
    });
  },
});
