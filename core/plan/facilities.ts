import { VisibleError } from "../api/errors.ts";
import type { Facilities } from "../api/facilities.ts";
import type { SiteId } from "../api/ids.ts";
import type { Plan, PlanDefinition } from "../api/plan.ts";
import type { SwitchMap } from "../api/site.ts";
import {
  type Connected,
  mappedTo,
  type SwitchUse,
  switchMapping,
  switchUses,
  unmappedSwitches,
} from "../object/switches.ts";

/**
 * What sites are known to have besides objects; a site of which nothing is known is not among them.
 */
export type KnownFacilities = ReadonlyMap<SiteId, Facilities>;

type Target = Plan["targets"][number];

/** So many are named in a refusal. */
const shownMax = 5;

/**
 * Kinds that a storage driver can't protect at the source, or make mirrors of at a target.
 * @throws {VisibleError} OBJECT_KIND_UNSUPPORTED
 */
export const refuseUnsupportedKinds = (
  { source, targets, objects }: PlanDefinition,
  facilities: KnownFacilities,
): void => {
  const kinds = new Set(objects.map(({ kind }) => kind));
  for (const site of [source, ...targets.map((target) => target.site)]) {
    const known = facilities.get(site);
    const unsupported = known && [...kinds].find((kind) => !known.kinds.includes(kind));
    if (known === undefined || unsupported === undefined) continue;
    const what = site === source ? "protect objects" : "make mirrors of objects";
    throw new VisibleError(
      "OBJECT_KIND_UNSUPPORTED",
      `The storage of site “${site}” can't ${what} of the kind ${unsupported}.`,
      { hint: `It can do: ${known.kinds.join(", ")}.` },
    );
  }
};

/** @throws {VisibleError} POOL_UNKNOWN */
export const refuseUnknownPool = ({ site, pool }: Target, facilities: KnownFacilities): void => {
  const known = facilities.get(site);
  if (pool === undefined || known === undefined || known.pools.some(({ name }) => name === pool)) return;
  throw new VisibleError("POOL_UNKNOWN", `Site “${site}” has no storage pool “${pool}”.`, {
    hint: `It has: ${quoted(known.pools)}. Or leave \`pool\` out.`,
  });
};

/**
 * W7. What is not in the inventory was checked when the plan took it in.
 * @param ofSites the source's mapping to the target
 * @throws {VisibleError} SWITCH_UNMAPPED, SWITCH_UNKNOWN
 */
export const refuseWrongSwitches = (
  objects: readonly Connected[],
  target: Target,
  { source, ofSites, facilities }: { source: SiteId; ofSites: SwitchMap | undefined; facilities: KnownFacilities },
): void => {
  const mapping = switchMapping(ofSites, target.switches);
  const unmapped = unmappedSwitches(objects, mapping);
  if (unmapped.length > 0) throw switchUnmapped(unmapped, source, target.site);
  const known = facilities.get(target.site);
  if (known === undefined) return;
  const names = [...Object.keys(target.switches), ...switchUses(objects).map(({ virtualSwitch }) => virtualSwitch)];
  for (const name of names) {
    const there = mappedTo(mapping, name);
    if (there === undefined || known.switches.some((one) => one.name === there)) continue;
    throw switchUnknown(target.site, there, known, `“${name}” is mapped to it`);
  }
};

/** @param why a clause that says who wants it */
export const switchUnknown = (site: SiteId, name: string, { switches }: Facilities, why: string): VisibleError =>
  new VisibleError("SWITCH_UNKNOWN", `Site “${site}” has no virtual switch “${name}”; ${why}.`, {
    hint:
      switches.length === 0
        ? `Make it there. To see what the site has: smtx-backup site show ${site}`
        : `It has: ${quoted(switches)}.`,
  });

const switchUnmapped = (unmapped: readonly SwitchUse[], source: SiteId, target: SiteId): VisibleError => {
  const uses = unmapped
    .slice(0, shownMax)
    .map(({ virtualSwitch, object }) => `“${virtualSwitch}” (“${object}” uses it)`);
  const more = unmapped.length > shownMax ? `, and for ${unmapped.length - shownMax} more` : "";
  const pairs = unmapped.slice(0, shownMax).map(({ virtualSwitch }) => `${shellWord(virtualSwitch)}=SWITCH`);
  return new VisibleError(
    "SWITCH_UNMAPPED",
    `Nothing on the target “${target}” takes the place of the virtual switch ${uses.join(", ")}${more}.`,
    {
      hint: `Map it for all plans: smtx-backup site map ${source} --to ${target} ${pairs.join(" ")}; or for this one, in \`switches\` of the target.`,
    },
  );
};

/** A text as an argument of a command that a person copies. */
export const shellWord = (text: string): string =>
  /^[\w.:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const quoted = (named: readonly { readonly name: string }[]): string => {
  if (named.length === 0) return "none";
  const more = named.length > shownMax ? `, and ${named.length - shownMax} more` : "";
  return `${named
    .slice(0, shownMax)
    .map(({ name }) => `“${name}”`)
    .join(", ")}${more}`;
};
