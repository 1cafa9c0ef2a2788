import { handle } from "hono/aws-lambda";
import { createApp } from "../api/app.ts";
import { authoritiesFrom } from "../authorities.ts";
import { lambdaDeps } from "./runtime.ts";

/** API Gateway v2 → the HTTP API. */
export const handler = handle(
  createApp({ ...lambdaDeps("api"), authorities: authoritiesFrom(process.env, Date.now()) }),
);
