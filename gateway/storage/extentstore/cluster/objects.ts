import { type LeftOut, type Origin, textCharactersMax } from "../../../../core/api/object/common.ts";
import type { IscsiTargetSettings } from "../../../../core/api/object/lun.ts";
import type { NfsExportSettings } from "../../../../core/api/object/nfs-file.ts";
import type { VmNic } from "../../../../core/api/object/vm.ts";
import type { VolumeShape } from "../../../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectId, Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";
import { restoreOf } from "./rebuilt.ts";
import { type DiskWithVolume, type Related, relatedOf, relatedOfAll } from "./related.ts";
import type { VmNicRow, VmRow } from "./vms.ts";
import { geometryOf, objectIdOf, type VolumeRow, volumeIdOf } from "./volume-row.ts";
import { findVolume } from "./volumes.ts";

/* Rows as objects. Whoever reads several does it inside a transaction, or a snapshot. */

/** All objects: what is a volume in the order in which it was made, and VMs in theirs. */
export const listObjects = (database: Database): ObjectConfig[] => {
  const related = relatedOfAll(database);
  const volumes = database.all<VolumeRow>("SELECT * FROM volumes ORDER BY number");
  const vms = database.all<VmRow>("SELECT * FROM vms ORDER BY number");
  return [...volumes.map((row) => volumeObject(row, related)), ...vms.map((row) => vmObject(row, related))];
};

/** Those that are there, in the order in which they are asked for; each is looked up by its id. */
export const findObjects = (database: Database, ids: readonly ObjectId[]): ObjectConfig[] => {
  const related = relatedOf(database);
  return ids.flatMap((id) => findObject(database, id, related) ?? []);
};

export const objectOfVolume = (database: Database, row: VolumeRow): ObjectConfig =>
  volumeObject(row, relatedOf(database));
export const objectOfVm = (database: Database, row: VmRow): ObjectConfig => vmObject(row, relatedOf(database));

/** The object of a volume that is there. */
export const objectWithVolume = (database: Database, volumeId: string): ObjectConfig =>
  objectOfVolume(database, findVolume(database, volumeId));

const findObject = (database: Database, of: ObjectId, related: Related): ObjectConfig | undefined => {
  if (of.kind === "vm") {
    const vm = database.one<VmRow>("SELECT * FROM vms WHERE id = ?", of.id);
    return vm && vmObject(vm, related);
  }
  const volumeId = volumeIdOf(of);
  if (volumeId === undefined) return undefined;
  const row = database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ? AND kind = ?", volumeId, of.kind);
  return row && volumeObject(row, related);
};

const volumeObject = (row: VolumeRow, related: Related): ObjectConfig => {
  const common = {
    id: objectIdOf(row),
    name: row.name,
    volumes: [shapeOf(row)],
    ...commonOf(row, related),
  };
  switch (row.kind) {
    case "lun":
      return { kind: "lun", ...common, ...lunOfRow(row, related) };
    case "nfs-file":
      return { kind: "nfs-file", ...common, file: fileOfRow(row, related) };
    case "volume": {
      const vms = related.vmsOf(row.id);
      return {
        kind: "volume",
        ...common,
        ...(row.sharing === 1 && { sharing: true }),
        ...(vms.length > 0 && { vms: vms.slice(0, vmsToldMax) }),
      };
    }
  }
};

const vmsToldMax = 100;

const shapeOf = (
  row: Pick<VolumeRow, "id" | "sizeBytes" | "extentBytes" | "stripeCount" | "stripeBytes">,
): VolumeShape => ({
  id: row.id,
  sizeBytes: row.sizeBytes,
  geometry: geometryOf(row),
});

const commonOf = (
  row: Pick<VolumeRow, "role" | "labels" | "planId" | "source" | "rebuildKey">,
  related: Related,
): { labels?: Record<string, string>; origin?: Origin } => ({
  ...(row.labels !== null && { labels: JSON.parse(row.labels) as Record<string, string> }),
  ...originOf(row, related),
});

const originOf = (
  { role, planId, source, rebuildKey }: Pick<VolumeRow, "role" | "planId" | "source" | "rebuildKey">,
  related: Related,
): { origin?: Origin } => {
  if (role === "plain" || planId === null || source === null) return {};
  const planName = related.planName(planId, source);
  const siteId = source as Owner["source"];
  const restoreId = rebuildKey === null ? undefined : restoreOf(rebuildKey);
  return {
    origin: { planId, siteId, role, ...(planName !== undefined && { planName }), ...(restoreId && { restoreId }) },
  };
};

const lunOfRow = ({ lunTarget, lunId, allowedInitiators }: VolumeRow, related: Related) => {
  if (lunTarget === null || lunId === null) return {};
  const settings = settingsOf<IscsiTargetSettings>(related.targetSettings(lunTarget));
  return { lun: { target: lunTarget, lunId, ...(allowedInitiators !== null && { allowedInitiators }), ...settings } };
};

const fileOfRow = (row: VolumeRow, related: Related) => {
  const name = row.export ?? "";
  return { export: name, path: row.path ?? "", ...settingsOf<NfsExportSettings>(related.exportSettings(name)) };
};

const settingsOf = <Settings extends object>(text: string | undefined): { settings?: Settings } => {
  const settings = JSON.parse(text ?? "{}") as Settings;
  return Object.keys(settings).length === 0 ? {} : { settings };
};

const vmObject = (row: VmRow, related: Related): ObjectConfig => {
  const disks = related.disksOf(row.id);
  const kept = disks.flatMap(({ volume, ...disk }) =>
    volume === null || volume.sharing === 1 ? [] : [{ ...disk, volume }],
  );
  const leftOut = disks.flatMap(leftOutOf);
  return {
    kind: "vm",
    id: row.id,
    name: row.name,
    volumes: kept.map(({ volume }) => shapeOf(volume)),
    ...commonOf(row, related),
    ...(leftOut.length > 0 && { leftOut }),
    vm: {
      ...(row.description !== null && { description: row.description }),
      vcpu: row.vcpu,
      cpu: { cores: row.cores, sockets: row.sockets },
      memory: row.memoryBytes,
      firmware: row.firmware,
      ha: row.ha === 1,
      status: row.status,
      disks: kept.map(({ volume, bus, position, boot }) => ({
        volumeId: volume.id,
        name: volume.name,
        bus,
        index: position,
        boot,
      })),
      nics: related.nicsOf(row.id).map(nicOf),
    },
  };
};

/** What of a VM's disks is not the VM's data (W6), and why. */
const leftOutOf = ({ volume, cdRom }: DiskWithVolume): LeftOut[] => {
  if (volume === null) return [{ what: shortened(`CD-ROM ${cdRom}`), reason: "it is no data of the VM's" }];
  if (volume.sharing === 0) return [];
  return [{ what: shortened(`shared volume ${volume.name}`), reason: "several VMs may use it at once" }];
};

const shortened = (text: string): string => text.slice(0, textCharactersMax);

const nicOf = (row: VmNicRow): VmNic => ({
  macAddress: row.macAddress,
  model: row.model,
  virtualSwitch: row.switch,
  vlan: { ...(row.vlanName !== null && { name: row.vlanName }), vlanId: row.vlanId },
  order: row.position,
  enabled: row.enabled === 1,
  ...(row.ipAddress !== null && { ipAddress: row.ipAddress }),
  ...(row.gateway !== null && { gateway: row.gateway }),
  ...(row.subnetMask !== null && { subnetMask: row.subnetMask }),
});
