import type { FacilitiesAnswer } from "../../core/api/answers.ts";
import type { Facilities, StoragePool, VirtualSwitch } from "../../core/api/facilities.ts";
import type { Site, SiteLimit, SwitchMap } from "../../core/api/site.ts";
import { printable, type Style } from "./style.ts";
import { fields, table } from "./table.ts";
import { bytesText, instantText, rateText } from "./units.ts";

export const limitText = ({ target, bytesPerSecond }: SiteLimit): string => `to ${target} ${rateText(bytesPerSecond)}`;

const vlansText = ({ vlans }: VirtualSwitch): string =>
  vlans.map(({ name, vlanId }) => `${name} (${vlanId})`).join(", ") || "–";

const poolTable = (pools: readonly StoragePool[], style: Style): string =>
  table(
    pools,
    [
      { title: "POOL", value: ({ name }) => name, paint: style.strong },
      { title: "CAPACITY", value: ({ capacityBytes }) => optionalBytes(capacityBytes), align: "right" },
      {
        title: "PROVISIONED",
        value: ({ usedBytes, isThin }) => `${optionalBytes(usedBytes)}${isThin ? " written" : ""}`,
        align: "right",
      },
    ],
    { style, none: "It has no storage pools." },
  );

const optionalBytes = (bytes: number | undefined): string => (bytes === undefined ? "–" : bytesText(bytes));

const mappedText = (name: string, maps: FacilitiesAnswer["switchMaps"]): string =>
  Object.entries(maps)
    .flatMap(([target, map = {}]) => (Object.hasOwn(map, name) ? [`${target}: ${map[name]}`] : []))
    .join(", ") || "–";

const switchTable = (switches: readonly VirtualSwitch[], maps: FacilitiesAnswer["switchMaps"], style: Style): string =>
  table(
    switches,
    [
      { title: "SWITCH", value: ({ name }) => name, paint: style.strong },
      { title: "VLANS", value: vlansText },
      { title: "AT TARGETS", value: ({ name }) => mappedText(name, maps) },
    ],
    { style, none: "It has no virtual switches." },
  );

/**
 * A site, what its storage can do and has, and which switches take the place of
 * its own at its targets.
 */
export const siteText = (
  site: Site,
  { facilities, observedAt, switchMaps }: FacilitiesAnswer,
  style: Style,
): string => {
  const { limits = [] } = site;
  const head = fields(
    [
      ["Multi-cluster", site.multiCluster],
      ["Since", instantText(site.createdAt)],
      ["Limits", limits.map(limitText).join(", ") || "none"],
      ["Protects", facilities?.kinds.join(", ")],
    ],
    style,
  );
  return [
    `${style.strong(site.id)}\n${head}`,
    ...(facilities === undefined
      ? ["No gateway of the site has told yet what it has."]
      : [
          poolTable(facilities.pools, style),
          switchTable(facilities.switches, switchMaps, style),
          ...goneSwitches(facilities, switchMaps),
        ]),
    ...(observedAt === undefined ? [] : [style.faint(`seen at ${instantText(observedAt)}`)]),
  ].join("\n\n");
};

const goneSwitches = ({ switches }: Facilities, maps: FacilitiesAnswer["switchMaps"]): readonly string[] => {
  const there = new Set(switches.map(({ name }) => name));
  const mapped = new Set(Object.values(maps).flatMap((map = {}) => Object.keys(map)));
  const gone = [...mapped].filter((name) => !there.has(name)).sort();
  return gone.length === 0 ? [] : [printable(`Mapped, and not there any more: ${gone.join(", ")}.`)];
};

interface MapRow {
  readonly from: string;
  readonly to: string | undefined;
  readonly isThere: boolean;
}

/**
 * What takes the place of each switch of a site at one target: first those that
 * it has, mapped or not.
 * @param here undefined, as `there`: it is not known
 */
export const switchMapText = (
  map: SwitchMap,
  { target, here, there }: { target: string; here: Facilities | undefined; there: Facilities | undefined },
  style: Style,
): string => {
  const names = new Set([...(here?.switches.map(({ name }) => name) ?? []), ...Object.keys(map)]);
  const atTarget = there && new Set(there.switches.map(({ name }) => name));
  const rows: readonly MapRow[] = [...names].map((from) => {
    const to = Object.hasOwn(map, from) ? map[from] : undefined;
    return { from, to, isThere: to === undefined || (atTarget?.has(to) ?? true) };
  });
  return table(
    rows,
    [
      { title: "SWITCH", value: ({ from }) => from, paint: style.strong },
      {
        title: `AT ${target.toUpperCase()}`,
        value: ({ to, isThere }) => (to === undefined ? "not mapped" : isThere ? to : `${to}, which it does not have`),
        paint: (text, { to, isThere }) => (to !== undefined && isThere ? text : style.warn(text)),
      },
    ],
    { style, none: `No switch is mapped to one of ${target}.` },
  );
};
