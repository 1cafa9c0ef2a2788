import { handle } from "hono/aws-lambda";
import { createApp } from "../api/app.ts";
import { lambdaDeps } from "./runtime.ts";

/** API Gateway v2 → the HTTP API. */
export const handler = handle(createApp(lambdaDeps("api")));
