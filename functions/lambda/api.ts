import { handle } from "hono/aws-lambda";
import { createApp } from "../api/app.ts";
import { authoritiesFrom } from "../authorities.ts";
import { gatewayAccessFrom } from "../environment.ts";
import { lambdaDeps } from "./runtime.ts";

const authorities = authoritiesFrom(process.env, Date.now());
const access = gatewayAccessFrom(process.env);

/** API Gateway v2 → the HTTP API. */
export const handler = handle(createApp({ ...lambdaDeps("api"), authorities, access }));
