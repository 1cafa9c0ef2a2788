import type { Facilities } from "../../core/api/facilities.ts";
import type { Damage } from "../../core/api/group.ts";
import type { Instant } from "../../core/api/ids.ts";
import { judgeObject } from "../../core/api/judged-object.ts";
import { messageText } from "../../core/api/message.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Report } from "../../core/api/report.ts";
import { type Placed, type PlaceRange, placedDamage, placedObjects } from "../../core/object/place.ts";
import type { GatewayIdentity } from "./context.ts";

export type InventoryReport = Extract<Report, { kind: "inventory" }>;

const partEntriesMax = 200;
/**
 * Of the objects and of the damage in a part, so that it is a message that every queue takes, and
 * what is written for it is little.
 */
const partBytesMax = 100 * 1024;
/** Of the facilities in the first part. */
const facilitiesBytesMax = 40 * 1024;

/** What a site has. */
export interface Inventory {
  readonly objects: readonly ObjectConfig[];
  readonly damage: readonly Damage[];
  readonly facilities?: Facilities;
}

/**
 * The reports that tell what a site has, in parts of 200 objects and 200 damages at most; one part
 * where there is nothing. Each object is judged by itself, here where what is wrong with it can
 * still be kept out of the message. Each part says of which ranges it tells all that there is, so
 * it stands for itself. The generation is the observation's instant in milliseconds, so that a
 * later one is told from an earlier one.
 */
export const inventoryReports = (
  { objects, damage, facilities }: Inventory,
  identity: Pick<GatewayIdentity, "id" | "siteId">,
  observedAt: Instant,
): readonly InventoryReport[] => {
  const ofObjects = partsOf(placedObjects(objects.map(judgeObject)));
  const ofDamage = partsOf(placedDamage(damage.map((each) => ({ ...each, name: shownName(each.name) }))));
  const parts = Math.max(ofObjects.length, ofDamage.length);
  const told = facilities && thatFit(facilities);
  return Array.from({ length: parts }, (_, part) => {
    const [some, damaged] = [ofObjects[part], ofDamage[part]];
    return {
      kind: "inventory",
      siteId: identity.siteId,
      gatewayId: identity.id,
      generation: Date.parse(observedAt),
      part,
      parts,
      observedAt,
      objects: some?.entries ?? [],
      damage: damaged?.entries ?? [],
      ...(part === 0 && told && { facilities: told }),
      ranges: { ...(some && { objects: some.range }), ...(damaged && { damage: damaged.range }) },
    };
  });
};

/** VLANs are many, and nobody chooses by them: they are left out before the rest is. */
const thatFit = (facilities: Facilities): Facilities | undefined => {
  const withoutVlans = { ...facilities, switches: facilities.switches.map(({ name }) => ({ name, vlans: [] })) };
  return [facilities, withoutVlans].find((each) => messageText(each).length <= facilitiesBytesMax);
};

interface Part<T> {
  readonly entries: T[];
  readonly range: PlaceRange;
}

/** Cuts a list into parts, one after the other, whose ranges have every place there can be. */
const partsOf = <T extends object>(all: readonly Placed<T>[]): readonly Part<T>[] => {
  const cut: [Placed<T>[], ...Placed<T>[][]] = [[]];
  let bytes = 0;
  let last = cut[0];
  for (const each of all) {
    const eachBytes = messageText(each.entry).length + 1;
    if (last.length > 0 && (last.length === partEntriesMax || bytes + eachBytes > partBytesMax)) {
      last = [];
      cut.push(last);
      bytes = 0;
    }
    last.push(each);
    bytes += eachBytes;
  }
  return cut.map((part, index) => {
    const [after, until] = [cut[index - 1]?.at(-1)?.place, cut[index + 1] && part.at(-1)?.place];
    const range = { ...(after !== undefined && { after }), ...(until !== undefined && { until }) };
    return { entries: part.map(({ entry }) => entry), range };
  });
};
