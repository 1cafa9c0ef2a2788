import { LambdaClient } from "@aws-sdk/client-lambda";
import { clientOptions, type Environment } from "./clients.ts";

/**
 * Only the API calls another function, so no other one carries the client. A site's six queues take
 * a few seconds to make.
 */
export const createLambdaClient = (env: Environment): LambdaClient =>
  new LambdaClient(clientOptions(env, "LAMBDA", 25));
