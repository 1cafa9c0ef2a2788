import { handle } from "hono/aws-lambda";
import { createApp } from "../api/app.ts";
import { authoritiesSecret, createSecretsClient } from "../aws/authorities-secret.ts";
import { createLambdaClient } from "../aws/lambda-client.ts";
import { withSiteQueuesFunction } from "../aws/site-queues.ts";
import { authoritiesIn } from "../certificates/authorities.ts";
import { audiencesFrom, gatewayAccessFrom } from "../environment.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("api");
const siteQueues = process.env["SITE_QUEUES_FUNCTION"];
const tasks = siteQueues ? withSiteQueuesFunction(deps.tasks, createLambdaClient(process.env), siteQueues) : deps.tasks;
const secret = process.env["AUTHORITIES_SECRET"];
const readAuthorities = secret
  ? authoritiesSecret(createSecretsClient(process.env), secret)
  : async () => process.env["AUTHORITIES"] || "{}";
const authorities = authoritiesIn(readAuthorities, deps.clock);
const access = gatewayAccessFrom(process.env);
const audiences = audiencesFrom(process.env);

/** API Gateway v2 → the HTTP API. */
export const handler = handle(createApp({ ...deps, tasks, authorities, audiences, access }));
