import type { SwitchMap } from "../api/site.ts";

/** An object's name, and the virtual switches that it uses. */
export interface Connected {
  readonly name: string;
  readonly switches: readonly string[];
}

/** A virtual switch, and the first of the objects that use it. */
export interface SwitchUse {
  readonly virtualSwitch: string;
  readonly object: string;
}

/**
 * Which switch of a target takes the place of which: as the sites have it, but for
 * what a plan says itself.
 */
export const switchMapping = (ofSites: SwitchMap | undefined, ofPlan: SwitchMap): SwitchMap => ({
  ...ofSites,
  ...ofPlan,
});

/**
 * W7: the virtual switches that the objects use and that are not mapped, each once, by name. A
 * backup plan is refused while there are any.
 */
export const unmappedSwitches = (objects: readonly Connected[], mapping: SwitchMap): readonly SwitchUse[] =>
  switchUses(objects).filter(({ virtualSwitch }) => mappedTo(mapping, virtualSwitch) === undefined);

/**
 * The switches that an object uses and for which nothing is there at some of the
 * targets, each with these.
 */
export const unmappedAt = <Site extends string>(
  object: Connected,
  mappings: ReadonlyMap<Site, SwitchMap>,
): readonly { readonly virtualSwitch: string; readonly targets: Site[] }[] =>
  switchUses([object]).flatMap(({ virtualSwitch }) => {
    const targets = [...mappings].flatMap(([site, mapping]) =>
      mappedTo(mapping, virtualSwitch) === undefined ? [site] : [],
    );
    return targets.length === 0 ? [] : [{ virtualSwitch, targets }];
  });

/** Each switch that is used, once, by name. */
export const switchUses = (objects: readonly Connected[]): readonly SwitchUse[] => {
  const firstUsers = new Map<string, string>();
  for (const { name, switches } of objects) {
    for (const virtualSwitch of switches) {
      if (!firstUsers.has(virtualSwitch)) firstUsers.set(virtualSwitch, name);
    }
  }
  return [...firstUsers]
    .map(([virtualSwitch, object]) => ({ virtualSwitch, object }))
    .sort((one, other) => (one.virtualSwitch < other.virtualSwitch ? -1 : 1));
};

/** An empty name is no mapping; and a switch may be called `constructor`. */
export const mappedTo = (mapping: SwitchMap, virtualSwitch: string): string | undefined =>
  Object.hasOwn(mapping, virtualSwitch) ? mapping[virtualSwitch] || undefined : undefined;
