import type { Damage } from "../../core/api/group.ts";
import type { Instant } from "../../core/api/ids.ts";
import { messageText } from "../../core/api/message.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Report } from "../../core/api/report.ts";
import { judgeObject } from "../../core/object/judge.ts";
import { shownName } from "../../core/object/name.ts";
import type { GatewayIdentity } from "./context.ts";

export type InventoryReport = Extract<Report, { kind: "inventory" }>;

const partEntriesMax = 200;
/** So that a part is a message that every queue takes, and a document that every table takes. */
const partBytesMax = 200 * 1024;

/**
 * The reports that tell what a site has: parts of 200 objects at most, one part where there is
 * nothing, and then parts of 200 damages at most. Each object is judged by itself, here where what
 * is wrong with it can still be kept out of the message. The generation is the observation's
 * instant in milliseconds, so that a later one is told from an earlier one.
 */
export const inventoryReports = (
  { objects, damage }: { readonly objects: readonly ObjectConfig[]; readonly damage: readonly Damage[] },
  identity: Pick<GatewayIdentity, "id" | "siteId">,
  observedAt: Instant,
): readonly InventoryReport[] => {
  const named = damage.map((each) => ({ ...each, name: shownName(each.name) }));
  const parts = [
    ...(objects.length === 0 ? [[]] : partsOf(objects.map(judgeObject))).map((some) => ({ objects: some, damage: [] })),
    ...partsOf(named).map((some) => ({ objects: [], damage: some })),
  ];
  return parts.map((content, part) => ({
    kind: "inventory",
    siteId: identity.siteId,
    gatewayId: identity.id,
    generation: Date.parse(observedAt),
    part,
    parts: parts.length,
    observedAt,
    ...content,
  }));
};

/** Cuts a list into parts, one after the other. */
const partsOf = <T extends object>(all: readonly T[]): T[][] => {
  const parts: T[][] = [];
  let bytes = 0;
  for (const each of all) {
    const eachBytes = messageText(each).length + 1;
    const last = parts.at(-1);
    if (last !== undefined && last.length < partEntriesMax && bytes + eachBytes <= partBytesMax) {
      last.push(each);
      bytes += eachBytes;
    } else {
      parts.push([each]);
      bytes = eachBytes;
    }
  }
  return parts;
};
