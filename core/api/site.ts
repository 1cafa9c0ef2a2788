import { z } from "zod";
import { boundedRecord, entriesMax } from "./bounds.ts";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "./ids.ts";
import { textCharactersMax, textSchema } from "./object/common.ts";

/**
 * The slowest that a link can be limited to; a limit that lets nothing through would be a transfer
 * that never ends.
 */
export const bytesPerSecondMin = 16 * 1024;

/** How fast a site may send to one of its targets, all of its gateways together. */
export const siteLimitSchema = z.object({ target: siteIdSchema, bytesPerSecond: z.int().min(bytesPerSecondMin) });
export type SiteLimit = z.infer<typeof siteLimitSchema>;
const siteLimitsSchema = z.array(siteLimitSchema).max(100);

/** Which virtual switch of a target takes the place of which of this site's. */
export const switchMapSchema = boundedRecord(textSchema, textSchema, 200);
export type SwitchMap = z.infer<typeof switchMapSchema>;
/** The body of a change: all of them, what is not among them is no longer mapped. */
export const switchMapPutSchema = z.strictObject({ switches: switchMapSchema });

export const siteSchema = z.object({
  id: siteIdSchema,
  /** Sites of the same multi-cluster can be each other's targets (W1). */
  multiCluster: siteIdSchema,
  createdAt: instantSchema,
  /** By target; there is no limit to a target that is not among them. Absent: none was ever set. */
  limits: siteLimitsSchema.optional(),
  /** Goes up with each change of `limits`, beginning with 1. */
  limitsVersion: z.int().min(1).optional(),
  /**
   * By target: source virtual switch → target virtual switch (W7), for every plan that says nothing
   * else. Absent: none was ever set.
   */
  switchMaps: boundedRecord(siteIdSchema, switchMapSchema, entriesMax).optional(),
  /**
   * Gateways that an administrator has removed: nothing that they say counts
   * until they enrol again.
   */
  removedGateways: z
    .array(z.object({ id: gatewayIdSchema, at: instantSchema }))
    .max(entriesMax)
    .optional(),
});
export type Site = z.infer<typeof siteSchema>;

export const siteCreateSchema = siteSchema.pick({ id: true, multiCluster: true });

export const siteLimitsPutSchema = z.object({
  /** All of them: what is not among them is no longer limited. */
  limits: siteLimitsSchema,
  /**
   * The `limitsVersion` that these replace, 0 for none; without it, they replace whatever there is.
   */
  limitsVersion: z.int().min(0).optional(),
});
export type SiteLimitsPut = z.infer<typeof siteLimitsPutSchema>;

/**
 * Which settings a gateway goes by: those of a version of the site's limits, for so many gateways
 * that share them.
 */
export const gatewaySettingsSchema = z.object({
  /** `limitsVersion` of the site; 0: it has not been told any since it was started. */
  version: z.int().min(0),
  gateways: z.int().min(1),
  /** `issuedAt` of the list of revocations that it goes by. Absent: it has none. */
  revocationsAt: instantSchema.optional(),
});
export type GatewaySettings = z.infer<typeof gatewaySettingsSchema>;

/** `host:port` of a gateway. */
export const endpointSchema = z
  .string()
  .max(textCharactersMax + 6)
  .regex(/^.+:\d+$/);

export const gatewaySchema = z.object({
  id: gatewayIdSchema,
  siteId: siteIdSchema,
  /** `host:port` at which gateways of other sites reach this one. */
  endpoint: endpointSchema,
  tunnel: z.enum(["direct-tls", "envoy"]),
  version: textSchema,
  /** `extentstore`, `smtx`. */
  storage: textSchema,
  /** Absent: a gateway of a version that knows no settings. */
  settings: gatewaySettingsSchema.optional(),
  /**
   * From when until when its certificate is good. Absent: a gateway of a
   * version that does not tell.
   */
  certificate: z.object({ from: instantSchema, until: instantSchema }).optional(),
  /**
   * How far its clock is ahead of those of the queues and the control plane; negative: behind.
   * Absent: it does not know.
   */
  clockAheadSeconds: z.int().optional(),
  lastSeenAt: instantSchema,
});
export type Gateway = z.infer<typeof gatewaySchema>;

/**
 * A gateway that was not heard of for this long is not given to others as an endpoint. It says
 * nothing for 45 s at most, and what it says is written down when the last time was 40 s ago.
 */
export const gatewayAbsentAfterSeconds = 120;

/** A gateway that was not heard of for this long is no longer listed. */
export const gatewayForgottenAfterSeconds = 24 * 3600;
