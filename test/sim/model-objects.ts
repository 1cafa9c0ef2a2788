import type { VmNic } from "../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { plainGeometry } from "../../core/extent/geometry.ts";

/** What of a model object is said; the rest of its configuration is the same for all. */
export interface ModelObject {
  readonly kind: ObjectConfig["kind"];
  readonly id: string;
  readonly name: string;
  /** Ids; a VM's are its disks, in their order. */
  readonly volumes: readonly string[];
  /** One a NIC. */
  readonly switches?: readonly string[];
}

const shapeOf = (id: string) => ({ id, sizeBytes: 1 << 30, geometry: plainGeometry });

const nicOf = (virtualSwitch: string, order: number): VmNic => ({
  macAddress: `52:54:00:00:00:${order.toString(16).padStart(2, "0")}`,
  ...{ model: "VIRTIO", virtualSwitch, vlan: { name: "vm-network", vlanId: 100 }, order, enabled: true },
});

/** An object as its cluster tells of it. */
export const configOf = ({ kind, id, name, volumes, switches = [] }: ModelObject): ObjectConfig => {
  const common = { id, name, volumes: volumes.map(shapeOf) };
  if (kind === "lun" || kind === "volume") return { kind, ...common };
  if (kind === "nfs-file") {
    const [, , share = "", ...path] = name.split("/");
    return { kind, ...common, file: { export: share, path: path.join("/") } };
  }
  const disks = volumes.map((volumeId, index) => ({
    volumeId,
    name: volumeId,
    bus: "VIRTIO" as const,
    index,
    boot: 0,
  }));
  const hardware = { vcpu: 2, cpu: { cores: 2, sockets: 1 }, memory: 2 ** 31, ha: true };
  const state = { firmware: "UEFI", status: "RUNNING" } as const;
  return { kind, ...common, vm: { ...hardware, ...state, disks, nics: switches.map(nicOf) } };
};

/** A LUN of one volume that has the same name. */
export const lunOf = (id: string): ModelObject => ({ kind: "lun", id, name: id, volumes: [id] });

/** A VM of so many disks, and two NICs on two switches. */
export const vmOf = (name: string, disks: number): ModelObject => ({
  ...{ kind: "vm", id: name, name, switches: ["prod", "storage-network"] },
  volumes: Array.from({ length: disks }, (_, index) => `${name}-disk-${index}`),
});
