import type { Instant } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Report } from "../../core/api/report.ts";
import type { GatewayIdentity } from "./context.ts";

export type InventoryReport = Extract<Report, { kind: "inventory" }>;

const partObjectsMax = 200;

/**
 * The reports that tell what a site has: parts of 200 objects, one part where there is nothing. The generation is the
 * observation's instant in milliseconds, so that a later one is told from an earlier one.
 */
export const inventoryReports = (
  objects: readonly ObjectConfig[],
  identity: Pick<GatewayIdentity, "id" | "siteId">,
  observedAt: Instant,
): readonly InventoryReport[] => {
  const parts = Math.max(1, Math.ceil(objects.length / partObjectsMax));
  return Array.from({ length: parts }, (_, part) => ({
    kind: "inventory",
    siteId: identity.siteId,
    gatewayId: identity.id,
    generation: Date.parse(observedAt),
    part,
    parts,
    observedAt,
    objects: objects.slice(part * partObjectsMax, (part + 1) * partObjectsMax),
  }));
};
