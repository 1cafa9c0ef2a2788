/**
 * W7: the virtual switches that the objects use and that have no mapping on the target, each once, by name.
 * A backup plan is refused while there are any.
 */
export const unmappedSwitches = (
  objects: readonly { readonly switches: readonly string[] }[],
  target: { readonly switches: Readonly<Record<string, string>> },
): string[] => {
  const used = new Set(objects.flatMap(({ switches }) => switches));
  return [...used].filter((name) => !isMapped(target.switches, name)).sort();
};

/** An empty name is no mapping; and a switch may be called `constructor`. */
const isMapped = (switches: Readonly<Record<string, string>>, name: string): boolean =>
  Object.hasOwn(switches, name) && switches[name] !== "";
