import type { FacilityDescription, FacilityId } from "../../gateway/storage/administration.ts";
import { printable } from "./style.ts";
import { bytesText } from "./units.ts";

/** Kinds of what is no object by itself, as a sentence calls them. */
export const facilityKinds = { pool: "storage pool", switch: "virtual switch", "nfs-export": "NFS export" } as const;

/** A pool, a switch or an export before it was described, and afterwards. */
export interface DescribedFacility extends FacilityId {
  readonly before: FacilityDescription | undefined;
  readonly now: FacilityDescription;
}

/** What was made, what was changed and how, and what is as it was. */
export const facilitiesText = (described: readonly DescribedFacility[], site: string): readonly string[] => {
  const made = described.filter(({ before }) => before === undefined);
  const others = described.filter(({ before }) => before !== undefined);
  return [
    ...(made.length === 0 ? [] : [`Made on site ${site}: ${made.map(nameText).join(", ")}.`]),
    ...others.map((one) => {
      const changes = changesOf(one);
      return changes.length === 0
        ? `There already on site ${site}, and left as it is: ${nameText(one)}.`
        : `Changed on site ${site}: ${nameText(one)}: ${printable(changes.join("; "))}.`;
    }),
  ];
};

const nameText = ({ kind, name }: FacilityId): string => printable(`${facilityKinds[kind]} ${name}`);

const changesOf = ({ before = {}, now }: DescribedFacility): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((key) => {
    const [was, is] = [valueText(key, before[key]), valueText(key, now[key])];
    return was === is ? [] : [`${key} ${was} is ${is} now`];
  });

const valueText = (key: string, value: unknown): string => {
  if (key === "vlans" && Array.isArray(value)) return vlansText(value);
  if (key === "capacity") return typeof value === "number" ? bytesText(value) : "without a limit";
  return value === undefined ? "(none)" : `“${value}”`;
};

const vlansText = (vlans: readonly { readonly name: string; readonly vlanId: number }[]): string =>
  vlans.map(({ name, vlanId }) => `${name} (${vlanId})`).join(", ") || "(none)";
