import { handle } from "hono/aws-lambda";
import { createApp } from "../api/app.ts";
import { authoritiesOf } from "../certificates/authorities.ts";
import { noGatewayAccess } from "../gateways/access.ts";
import { lambdaDeps } from "./runtime.ts";

/*
 * The part of the HTTP API that reads the audit trail, in a function of its own: who may add to the
 * trail must not learn its keys.
 */
const deps = { ...lambdaDeps("audit"), authorities: authoritiesOf(new Map()), audiences: [], access: noGatewayAccess };

/** API Gateway v2, of one path → the HTTP API. */
export const handler = handle(createApp(deps));
