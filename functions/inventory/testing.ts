import type { Damage } from "../../core/api/group.ts";
import { gatewayIdSchema, instantSchema, type SiteId } from "../../core/api/ids.ts";
import type { JudgedObject } from "../../core/api/judged-object.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { type Placed, type PlaceRange, placedDamage, placedObjects } from "../../core/object/place.ts";

export interface ToldInventory {
  readonly siteId: SiteId;
  readonly gateway?: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly objects?: readonly JudgedObject[];
  readonly damage?: readonly Damage[];
  /** Entries in a part. */
  readonly size?: number;
}

type InventoryReport = Extract<Report, { kind: "inventory" }>;

const cut = <T>(placed: readonly Placed<T>[], size: number): { entries: T[]; range: PlaceRange }[] => {
  const count = Math.max(1, Math.ceil(placed.length / size));
  return Array.from({ length: count }, (_, part) => {
    const some = placed.slice(part * size, (part + 1) * size);
    const after = part === 0 ? undefined : placed[part * size - 1]?.place;
    const until = part === count - 1 ? undefined : some.at(-1)?.place;
    return { entries: some.map(({ entry }) => entry), range: { after, until } };
  });
};

/** What a gateway tells of its site, in parts of any size. */
export const toldBy = ({
  siteId,
  gateway = "gw-1",
  at,
  objects = [],
  damage = [],
  size = 200,
}: ToldInventory): InventoryReport[] => {
  const [ofObjects, ofDamage] = [cut(placedObjects(objects), size), cut(placedDamage(damage), size)];
  const parts = Math.max(ofObjects.length, ofDamage.length);
  return Array.from({ length: parts }, (_, part) => {
    const report = {
      ...{ kind: "inventory", siteId, gatewayId: gatewayIdSchema.parse(gateway), generation: at, part, parts },
      observedAt: instantSchema.parse(new Date(at).toISOString()),
      objects: ofObjects[part]?.entries ?? [],
      damage: ofDamage[part]?.entries ?? [],
      ranges: { objects: ofObjects[part]?.range, damage: ofDamage[part]?.range },
    };
    return reportSchema.parse(JSON.parse(JSON.stringify(report))) as InventoryReport;
  });
};
