import type { VmConfig, VmNic, VmObject } from "../../core/api/object/vm.ts";
import type { ObjectConfig, UnusableObject } from "../../core/api/object.ts";
import { kindNames } from "./kind-names.ts";
import { foreignPlan, isMirror, mirrorText } from "./mirrors.ts";
import { printable, type Style } from "./style.ts";
import { fields, table } from "./table.ts";
import { bytesText, counted } from "./units.ts";

export const bytesOf = ({ volumes }: Pick<ObjectConfig, "volumes">): number =>
  volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** Why an object can't be protected. */
export const unusableLine = ({ kind, id, name, unusable }: UnusableObject, style: Style): string =>
  style.warn(printable(`${kind || "object"} “${name}” (${id}) can't be used: ${unusable}.`));

export const originText = ({ origin }: Pick<ObjectConfig, "origin">): string =>
  origin === undefined
    ? "–"
    : `${origin.role === "mirror" ? "mirror" : "rebuilt"} from ${origin.siteId} by ${foreignPlan(origin)}`;

/** `env=prod, tier=` */
export const labelsText = (labels: ObjectConfig["labels"]): string | undefined =>
  labels === undefined || Object.keys(labels).length === 0
    ? undefined
    : inKeyOrder(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(", ");

/** Whatever order it was written in. */
const inKeyOrder = <Value>(of: Readonly<Record<string, Value>>): readonly (readonly [string, Value])[] =>
  Object.entries(of).sort(([one], [other]) => (one < other ? -1 : 1));

/** What tells objects of its kind from each other. */
const aboutText = (object: ObjectConfig): string => {
  switch (object.kind) {
    case "lun":
      return object.lun === undefined ? "–" : `target ${object.lun.target}, LUN id ${object.lun.lunId}`;
    case "nfs-file":
      return `export ${object.file.export}`;
    case "volume":
      return (
        [
          ...(object.sharing ? ["shared"] : []),
          ...(object.vms === undefined || object.vms.length === 0 ? [] : [`of ${object.vms.join(", ")}`]),
        ].join(", ") || "–"
      );
    case "vm":
      return vmText(object.vm);
  }
};

const vmText = ({ status, vcpu, memory, disks, nics }: VmConfig): string =>
  [status, `${vcpu} vCPU`, bytesText(memory), counted(disks.length, "disk"), counted(nics.length, "NIC")].join(", ");

const kindOrder = ["vm", "lun", "volume", "nfs-file"] as const;

const inOrder = (one: ObjectConfig, other: ObjectConfig): number =>
  kindOrder.indexOf(one.kind) - kindOrder.indexOf(other.kind) || (one.name < other.name ? -1 : 1);

/** What a site has, each object a line, by kind and name. */
export const objectTable = (objects: readonly ObjectConfig[], style: Style, none: string): string =>
  table(
    objects.toSorted(inOrder),
    [
      { title: "NAME", value: ({ name }) => name, paint: style.strong },
      { title: "KIND", value: ({ kind }) => kind },
      { title: "SIZE", value: (object) => bytesText(bytesOf(object)), align: "right" },
      { title: "WHAT", value: aboutText },
      { title: "LABELS", value: ({ labels }) => labelsText(labels) ?? "–" },
      { title: "ORIGIN", value: originText },
      { title: "ID", value: ({ id }) => id, paint: style.faint },
    ],
    { style, none },
  );

const yesOrNo = (is: boolean): string => (is ? "yes" : "no");

type Field = readonly [name: string, value: string | undefined];

const printableField = ([name, value]: Field): Field => [name, value === undefined ? undefined : printable(value)];

const sizeField = (object: ObjectConfig): Field => ["Size", bytesText(bytesOf(object))];

const kindFields = (object: ObjectConfig): readonly Field[] => {
  switch (object.kind) {
    case "lun":
      return [
        sizeField(object),
        ["Target", object.lun?.target],
        ["LUN id", object.lun === undefined ? undefined : String(object.lun.lunId)],
        ["Initiators", object.lun?.allowedInitiators],
        ["Target's settings", settingsText(object.lun?.settings)],
      ];
    case "nfs-file":
      return [
        sizeField(object),
        ["Export", object.file.export],
        ["Path", object.file.path],
        ["Export's settings", settingsText(object.file.settings)],
      ];
    case "volume":
      return [sizeField(object), ["Shared", yesOrNo(object.sharing ?? false)], ["VMs", object.vms?.join(", ")]];
    case "vm":
      return vmFields(object.vm);
  }
};

const settingsText = (settings: object | undefined): string | undefined =>
  settings === undefined
    ? undefined
    : inKeyOrder({ ...settings })
        .map(([key, value]) => `${key}: ${value}`)
        .join(", ") || undefined;

const vmFields = ({ status, vcpu, cpu, memory, firmware, ha, description }: VmConfig): readonly Field[] => [
  ["Description", description],
  ["Status", status],
  [
    "CPU",
    `${vcpu} vCPU (${counted(cpu.sockets, "socket")} with ${counted(cpu.cores, "core")}${cpu.sockets === 1 ? "" : " each"})`,
  ],
  ["Memory", bytesText(memory)],
  ["Firmware", firmware],
  ["HA", yesOrNo(ha)],
];

const diskTable = ({ volumes, vm }: VmObject, style: Style): string => {
  const sizes = new Map(volumes.map(({ id, sizeBytes }) => [id, sizeBytes]));
  return table(
    [...vm.disks].sort((a, b) => a.index - b.index),
    [
      { title: "DISK", value: ({ index }) => String(index), align: "right" },
      { title: "VOLUME", value: ({ name }) => name, paint: style.strong },
      { title: "SIZE", value: ({ volumeId }) => bytesText(sizes.get(volumeId) ?? 0), align: "right" },
      { title: "BUS", value: ({ bus }) => bus },
      { title: "BOOT", value: ({ boot }) => (boot === 0 ? "–" : String(boot)) },
      { title: "ID", value: ({ volumeId }) => volumeId, paint: style.faint },
    ],
    { style, none: "It has no disks of its own." },
  );
};

const vlanText = ({ vlan }: VmNic): string =>
  vlan.name === undefined ? (vlan.vlanId === 0 ? "–" : String(vlan.vlanId)) : `${vlan.name} (${vlan.vlanId})`;

const nicTable = ({ nics }: VmConfig, style: Style): string =>
  table(
    [...nics].sort((a, b) => a.order - b.order),
    [
      { title: "NIC", value: ({ order }) => String(order), align: "right" },
      { title: "MAC", value: ({ macAddress }) => macAddress, paint: style.strong },
      { title: "MODEL", value: ({ model }) => model },
      { title: "SWITCH", value: ({ virtualSwitch }) => virtualSwitch ?? "not connected" },
      { title: "VLAN", value: vlanText },
      { title: "ENABLED", value: ({ enabled }) => yesOrNo(enabled) },
      { title: "IP", value: ({ ipAddress }) => ipAddress ?? "–" },
    ],
    { style, none: "It has no NICs." },
  );

const leftOutText = ({ leftOut = [] }: ObjectConfig, style: Style): readonly string[] =>
  leftOut.length === 0
    ? []
    : [
        [
          "Left out of backups:",
          ...leftOut.map(({ what, reason }) => `  ${style.warn(printable(what))}: ${printable(reason)}`),
        ].join("\n"),
      ];

/** Everything that a person wants to know of an object. */
export const objectText = (object: ObjectConfig, site: string, style: Style): string => {
  const head = `${style.strong(printable(object.name))}  ${kindNames[object.kind]} on site ${site}`;
  const about: readonly Field[] = [
    ["Id", object.id],
    ...kindFields(object),
    ["Labels", labelsText(object.labels)],
    ["Origin", object.origin === undefined ? undefined : originText(object)],
    ["Made by", object.origin?.restoreId],
  ];
  const parts = [
    `${head}\n${fields(about.map(printableField), style)}`,
    ...(object.kind === "vm" ? [diskTable(object, style), nicTable(object.vm, style)] : []),
    ...leftOutText(object, style),
    ...(isMirror(object) ? [mirrorNote(object, site)] : []),
  ];
  return parts.join("\n\n");
};

const mirrorNote = (object: ObjectConfig, site: string): string => {
  const { message, hint } = mirrorText(object, site);
  return [message, ...hint].map(printable).join("\n");
};
