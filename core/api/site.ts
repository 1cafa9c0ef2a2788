import { z } from "zod";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "./ids.ts";

export const siteSchema = z.object({
  id: siteIdSchema,
  /** Sites of the same multi-cluster can be each other's targets (W1). */
  multiCluster: siteIdSchema,
  createdAt: instantSchema,
});
export type Site = z.infer<typeof siteSchema>;

export const siteCreateSchema = siteSchema.pick({ id: true, multiCluster: true });

export const gatewaySchema = z.object({
  id: gatewayIdSchema,
  siteId: siteIdSchema,
  /** `host:port` at which gateways of other sites reach this one. */
  endpoint: z.string().regex(/^.+:\d+$/),
  tunnel: z.enum(["direct-tls", "envoy"]),
  version: z.string(),
  /** `extentstore`, `smtx`. */
  storage: z.string(),
  lastSeenAt: instantSchema,
});
export type Gateway = z.infer<typeof gatewaySchema>;

/** A gateway that was not heard of for this long is not given to others as an endpoint. It reports every 5 s. */
export const gatewayAbsentAfterSeconds = 20;

/** A gateway that was not heard of for this long is no longer listed. */
export const gatewayForgottenAfterSeconds = 24 * 3600;
