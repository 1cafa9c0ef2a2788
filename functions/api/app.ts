import { bodyLimit } from "hono/body-limit";
import { except } from "hono/combine";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { credentialsPath } from "../../core/api/access.ts";
import { enrolPath, renewPath } from "../../core/api/enrolment.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { adoptionRoutes } from "./adoption/routes.ts";
import { attachmentRoutes } from "./attachment.ts";
import { audited, auditRoutes } from "./audit.ts";
import { requireScope, requireToken } from "./auth.ts";
import { deletionRoutes } from "./deletion.ts";
import { enrolmentRoutes } from "./enrolment.ts";
import type { ApiDeps } from "./env.ts";
import { answerError, answerNotFound } from "./errors.ts";
import { failoverRoutes } from "./failover.ts";
import { gatewayRoutes } from "./gateway.ts";
import { groupRoutes } from "./group.ts";
import { objectRoutes } from "./object.ts";
import { planRoutes } from "./plan.ts";
import { restoreRoutes } from "./restore.ts";
import { createRouter } from "./route.ts";
import { runRoutes } from "./run.ts";
import { siteRoutes } from "./site.ts";
import { statusRoutes } from "./status.ts";
import { tokenRoutes } from "./token.ts";

const bodyBytesMax = 1024 * 1024;

/**
 * The HTTP API. Nothing of it answers without a token, not even what does not exist.
 *
 * @example const answer = await createApp(deps).request("/v1/plans", { headers: { authorization:
 * `Bearer ${token}` } });
 */
export const createApp = (deps: ApiDeps) => {
  const app = createRouter();
  app.onError(answerError(deps.log));
  app.notFound(answerNotFound(app));
  app.use(requestId(), secureHeaders(), audited(deps));
  // What gateways ask for themselves they ask for with what gateways have; each of these checks it.
  app.use(except([enrolPath, renewPath, credentialsPath], requireToken(deps)));
  app.use(bodyLimit({ maxSize: bodyBytesMax, onError: tooLarge }));
  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  app.use("/openapi.json", requireScope("read"));
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: { title: "smtx-backup", version: "1", description: "Backup and disaster recovery for SMTX OS clusters." },
  });
  return app
    .route("/", siteRoutes(deps))
    .route("/", gatewayRoutes(deps))
    .route("/", enrolmentRoutes(deps))
    .route("/", objectRoutes(deps))
    .route("/", planRoutes(deps))
    .route("/", statusRoutes(deps))
    .route("/", runRoutes(deps))
    .route("/", groupRoutes(deps))
    .route("/", restoreRoutes(deps))
    .route("/", deletionRoutes(deps))
    .route("/", failoverRoutes(deps))
    .route("/", adoptionRoutes(deps))
    .route("/", attachmentRoutes(deps))
    .route("/", auditRoutes(deps))
    .route("/", tokenRoutes(deps));
};

/** For the typed client. */
export type App = ReturnType<typeof createApp>;

const tooLarge = (): never => {
  throw new VisibleError("BODY_TOO_LARGE", `The body is larger than ${bodyBytesMax / 1024} KiB.`, {
    hint: "Split it, for instance a plan into several.",
  });
};
