import type { Damage } from "../../core/api/group.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Report } from "../../core/api/report.ts";
import type { GatewayIdentity } from "./context.ts";

export type InventoryReport = Extract<Report, { kind: "inventory" }>;

const partEntriesMax = 200;

/**
 * The reports that tell what a site has: parts of 200 objects, one part where there is nothing, and then parts of 200 damages. The generation is the
 * observation's instant in milliseconds, so that a later one is told from an earlier one.
 */
export const inventoryReports = (
  { objects, damage }: { readonly objects: readonly ObjectConfig[]; readonly damage: readonly Damage[] },
  identity: Pick<GatewayIdentity, "id" | "siteId">,
  observedAt: Instant,
): readonly InventoryReport[] => {
  const objectParts = Math.max(1, Math.ceil(objects.length / partEntriesMax));
  const parts = objectParts + Math.ceil(damage.length / partEntriesMax);
  return Array.from({ length: parts }, (_, part) => ({
    kind: "inventory",
    siteId: identity.siteId,
    gatewayId: identity.id,
    generation: Date.parse(observedAt),
    part,
    parts,
    observedAt,
    objects: partOf(objects, part),
    damage: partOf(damage, part - objectParts),
  }));
};

const partOf = <T>(all: readonly T[], part: number): T[] =>
  part < 0 ? [] : all.slice(part * partEntriesMax, (part + 1) * partEntriesMax);
