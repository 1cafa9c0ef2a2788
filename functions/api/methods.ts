import type { Hono } from "hono";
import type { ApiEnv } from "./env.ts";

/**
 * The methods that a path of the app has, sorted; none where there is no such path. What answers
 * GET answers HEAD.
 */
export const methodsAt = ({ routes, router }: Pick<Hono<ApiEnv>, "routes" | "router">, path: string): string[] => {
  const known = new Set(routes.map(({ method }) => method));
  const there = [...known].filter((method) => {
    const [found] = router.match(method, path);
    // Middleware is of every method, and makes no path.
    return method !== "ALL" && found.some(([[, route]]) => route.method === method);
  });
  return there.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).sort();
};
