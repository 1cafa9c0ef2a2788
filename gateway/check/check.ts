import type { GatewayConfig } from "../config/config.ts";

/**
 * Looks at one thing that a gateway needs. Gives what is there in a few words. @throws what is
 * wrong with it
 */
export type Check = (config: GatewayConfig) => Promise<string>;
