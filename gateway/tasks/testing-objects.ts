import { type ObjectConfig, objectConfigSchema } from "../../core/api/object.ts";
import type { PlanObject } from "../../core/api/plan.ts";

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
const shapeOf = (id: string) => ({ id, sizeBytes: 65_536, geometry });

/** Objects as a cluster gives them; their ids are made of their names. */
export const volumeOf = (name: string, fields: object = {}): ObjectConfig =>
  objectConfigSchema.parse({
    ...{ kind: "volume", id: `volume-${name}`, name, volumes: [shapeOf(`volume-${name}`)] },
    ...fields,
  });

/** @param path below the export `e1` */
export const fileOf = (path: string, fields: object = {}): ObjectConfig =>
  objectConfigSchema.parse({
    ...{ kind: "nfs-file", id: `file-${path}`, name: `/exports/e1/${path}`, volumes: [shapeOf(`file-${path}`)] },
    file: { export: "e1", path },
    ...fields,
  });

/** @param has.disks names of volumes; @param has.switches one a NIC */
export const vmOf = (
  name: string,
  { disks, switches = [] }: { readonly disks: readonly string[]; readonly switches?: readonly string[] },
  fields: object = {},
): ObjectConfig =>
  objectConfigSchema.parse({
    ...{ kind: "vm", id: `vm-${name}`, name, volumes: disks.map((disk) => shapeOf(`volume-${disk}`)) },
    vm: {
      ...{ vcpu: 2, cpu: { cores: 2, sockets: 1 }, memory: 2 ** 31, firmware: "UEFI", ha: true, status: "RUNNING" },
      disks: disks.map((disk, index) => ({
        ...{ volumeId: `volume-${disk}`, name: disk, bus: "VIRTIO", index, boot: index === 0 ? 1 : 0 },
      })),
      nics: switches.map((virtualSwitch, order) => ({
        macAddress: `52:54:00:00:00:${order.toString(16).padStart(2, "0")}`,
        ...{ model: "VIRTIO", virtualSwitch, vlan: { name: "vm-network", vlanId: 100 }, order, enabled: true },
      })),
    },
    ...fields,
  });

export const planObjectOf = ({ kind, id, name }: ObjectConfig): PlanObject => ({ kind, id, name });
