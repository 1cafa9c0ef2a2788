import { createFunction, logRetention, sharedEnvironment } from "./function.ts";
import type { InstallationHere } from "./installation.ts";
import { arnsOf, namesOf } from "./names.ts";
import { auditRoute, defaultThrottle, gatewayRoutes, type RouteThrottle } from "./routes.ts";

/** API Gateway gives an answer up after 30 s. */
const apiSeconds = 29;

const throttled = ({ perSecond, burst }: RouteThrottle) => ({
  throttlingRateLimit: perSecond,
  throttlingBurstLimit: burst,
});

/**
 * The HTTP API: one function behind every path but that of the audit trail. It alone reads the
 * authorities' keys.
 */
export const createApi = (here: InstallationHere) => {
  const routes = Promise.withResolvers<$util.Output<aws.apigatewayv2.Route>[]>();
  const http = createHttp(routes.promise);
  const siteQueues = createFunction(here, "SiteQueues", "site-queues", {
    timeout: "20 seconds",
    memory: "512 MB",
    environment: { QUEUE_PREFIX: here.prefix },
  });
  const api = createFunction(here, "Api", "api", {
    timeout: `${apiSeconds} seconds`,
    memory: "1024 MB",
    environment: {
      ...sharedEnvironment(here),
      // Known before any route is, so nothing waits for itself.
      API_URLS: $resolve([http.url]).apply((urls) => [...urls, process.env["API_URL"] ?? ""].join(" ").trim()),
      AUTHORITIES_SECRET: namesOf(here.prefix).authorities,
      SITE_QUEUES_FUNCTION: namesOf(here.prefix).function("site-queues"),
      GATEWAY_ROLE_ARN: here.of((installation) => arnsOf(installation).gatewayRole),
    },
  });
  const audit = createFunction(here, "Audit", "audit", {
    timeout: `${apiSeconds} seconds`,
    memory: "512 MB",
    environment: sharedEnvironment(here),
  });
  const calls = ["$default", ...Object.keys(gatewayRoutes)].map((key) => http.route(key, api.arn));
  routes.resolve([...calls, http.route(auditRoute, audit.arn)].map(({ nodes }) => nodes.route));
  return { http, api, siteQueues };
};

/** @param routes AWS refuses settings of a route that is not there */
const createHttp = (routes: Promise<$util.Output<aws.apigatewayv2.Route>[]>) =>
  new sst.aws.ApiGatewayV2("Http", {
    // Scripts and people at a shell call it, no pages of others.
    cors: false,
    accessLog: { retention: logRetention },
    transform: {
      stage: (args: aws.apigatewayv2.StageArgs, options: $util.CustomResourceOptions) => {
        args.defaultRouteSettings = throttled(defaultThrottle);
        args.routeSettings = Object.entries(gatewayRoutes).map(([routeKey, throttle]) => ({
          routeKey,
          ...throttled(throttle),
        }));
        options.dependsOn = routes;
      },
    },
  });
