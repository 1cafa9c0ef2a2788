import type { GatewayConfig } from "../config/config.ts";
import { openEnvoyTunnel } from "./envoy/tunnel.ts";
import { openDirectTunnel, type Tunnel, type TunnelOptions } from "./tunnel.ts";

/** The tunnel that the configuration asks for. @throws what listening and starting Envoy throw */
export const openTunnel = (
  { multiCluster, siteId, gatewayId, listen, envoy, envoyDir }: GatewayConfig,
  options: Pick<TunnelOptions, "credentials" | "handler" | "uploads" | "refused" | "log">,
): Promise<Tunnel> => {
  const all = { ...options, multiCluster, siteId, gatewayId, listen };
  return envoy === undefined ? openDirectTunnel(all) : openEnvoyTunnel({ ...all, envoy, dir: envoyDir });
};
