import { credentialsPath } from "../../core/api/access.ts";
import { enrolPath, renewPath } from "../../core/api/enrolment.ts";

/** What API Gateway lets through of one route; what is more is answered with 429. */
export interface RouteThrottle {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * Everything that has no route of its own. Whoever guesses tokens pays no more of
 * our money than this.
 */
export const defaultThrottle: RouteThrottle = { perSecond: 100, burst: 200 };

/** A function of its own reads the audit trail: infra/aws/policies.ts says why. */
export const auditRoute = "ANY /v1/audit";

/**
 * What gateways call, by API Gateway's key of the route. Each has a bucket of its own, so a flood
 * elsewhere locks no gateway out, nor one of enrolments those that are enrolled. 2,000 gateways ask
 * for credentials 3 times a second, which are two calls, and after an outage all within a minute.
 */
export const gatewayRoutes: Readonly<Record<string, RouteThrottle>> = {
  [`POST ${credentialsPath}`]: { perSecond: 100, burst: 200 },
  [`POST ${renewPath}`]: { perSecond: 20, burst: 40 },
  [`POST ${enrolPath}`]: { perSecond: 10, burst: 20 },
};
