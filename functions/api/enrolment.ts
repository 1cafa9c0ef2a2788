import { createRoute } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { credentialsPath, queueCredentialsSchema } from "../../core/api/access.ts";
import {
  certificateAnswerSchema,
  certificateRequestSchema,
  enrolmentCreatedSchema,
  enrolmentCreateSchema,
  enrolPath,
  gatewayRemovedSchema,
  renewPath,
} from "../../core/api/enrolment.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import { createEnrolment, enrol, findEnrolment, renew } from "../enrolment/enrolment.ts";
import { proveGateway } from "../enrolment/proof.ts";
import { removeGateway } from "../enrolment/removal.ts";
import { bearerOf } from "./auth.ts";
import type { ApiDeps, ApiEnv } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, refusals } from "./route.ts";
import { siteParam } from "./site.ts";

const create = createRoute({
  method: "post",
  path: "/v1/sites/{site}/enrolments",
  summary: "Make a token with which one gateway of the site can enrol",
  ...needs("admin"),
  request: { params: siteParam, body: jsonBody(enrolmentCreateSchema) },
  responses: { 201: jsonAnswer(enrolmentCreatedSchema, "The token. It is not shown again."), ...refusals },
});

const redeem = createRoute({
  method: "post",
  path: enrolPath,
  summary: "Enrol: a certificate for a gateway that has an enrolment token, as its bearer token",
  security: [{ token: [] }],
  request: { body: jsonBody(certificateRequestSchema) },
  responses: {
    201: jsonAnswer(certificateAnswerSchema, "The certificate. The token can't be used again."),
    ...refusals,
  },
});

const prolong = createRoute({
  method: "post",
  path: renewPath,
  summary: "Renew: another certificate for a gateway that has one, and sends a proof of it as its bearer token",
  security: [{ token: [] }],
  request: { body: jsonBody(certificateRequestSchema) },
  responses: {
    201: jsonAnswer(certificateAnswerSchema, "The certificate. The one before goes on being good."),
    ...refusals,
  },
});

const credentials = createRoute({
  method: "post",
  path: credentialsPath,
  summary: "Short-lived AWS credentials for the queues of the gateway that sends a proof as its bearer token",
  security: [{ token: [] }],
  responses: { 201: jsonAnswer(queueCredentialsSchema, "Good for the queues of its site only."), ...refusals },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/sites/{site}/gateways/{gateway}",
  summary: "Remove a gateway, and revoke its certificates",
  ...needs("admin"),
  request: { params: siteParam.extend({ gateway: gatewayIdSchema }) },
  responses: { 200: jsonAnswer(gatewayRemovedSchema, "Within a minute no gateway believes it any more."), ...refusals },
});

/**
 * How gateways come and go. What they ask for themselves takes no API token: what it takes is a
 * gateway's own.
 */
export const enrolmentRoutes = (deps: ApiDeps) => {
  const router = createRouter();
  router.use(enrolPath, requireEnrolment(deps));
  router.use(renewPath, requireGateway(deps, { isRenewal: true }));
  router.use(credentialsPath, requireGateway(deps, { isRenewal: false }));
  return router
    .openapi(create, async (c) => {
      const { gatewayId } = c.req.valid("json");
      const { token, record } = await createEnrolment(deps, { siteId: c.req.valid("param").site, gatewayId });
      return c.json(enrolmentCreatedSchema.parse({ ...record, token }), 201);
    })
    .openapi(redeem, async (c) => c.json(await enrol(deps, bearerOf(c.req), c.req.valid("json").request), 201))
    .openapi(prolong, async (c) => c.json(await renew(deps, c.get("gateway"), c.req.valid("json").request), 201))
    .openapi(credentials, async (c) => c.json(await deps.access.credentialsFor(c.get("gateway")), 201))
    .openapi(remove, async (c) => {
      const { site: siteId, gateway: gatewayId } = c.req.valid("param");
      return c.json({ revoked: await removeGateway(deps, { siteId, gatewayId }) }, 200);
    });
};

/**
 * Lets only those through who have an enrolment token that is still good. @throws {VisibleError}
 * UNAUTHENTICATED
 */
const requireEnrolment = (deps: ApiDeps) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    c.set("enrolment", (await findEnrolment(deps, bearerOf(c.req))).body);
    await next();
  });

/**
 * Lets only gateways through that prove who they are. @throws {VisibleError} UNAUTHENTICATED,
 * USE_NONCE, GATEWAY_REMOVED
 */
const requireGateway = (deps: ApiDeps, { isRenewal }: { readonly isRenewal: boolean }) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const proof = bearerOf(c.req);
    const { method, path } = c.req;
    const request = { method, path, body: new Uint8Array(await c.req.arrayBuffer()) };
    c.set("gateway", await proveGateway(deps, { proof, request, isRenewal }));
    await next();
  });
