import { createSqsClient } from "../aws/clients.ts";
import { handleSiteQueues } from "../aws/site-queues.ts";
import { needVariable } from "../environment.ts";

const client = createSqsClient(process.env);
const prefix = needVariable(process.env, "QUEUE_PREFIX");

/** The API → the queues of a site that is being registered. */
export const handler = (input: unknown): Promise<void> => handleSiteQueues(client, prefix, input);
