import { thisHost } from "../../core/address/api-url.ts";

const loopback = thisHost.join(",");

/**
 * Has this process and its children reach this host without a proxy: with NODE_USE_ENV_PROXY Node
 * asks one for everything that NO_PROXY does not name, and a proxy knows no more of our loopback
 * than that nobody listens. Node takes `*` for every host only where it stands alone.
 */
export const reachLoopbackDirectly = (env: Record<string, string | undefined>): void => {
  const named = env["no_proxy"] || env["NO_PROXY"];
  if (named === "*") return;
  const direct = named ? `${named},${loopback}` : loopback;
  Object.assign(env, { NO_PROXY: direct, no_proxy: direct });
};
