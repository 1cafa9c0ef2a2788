import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { ClusterAdministration } from "../../../gateway/storage/administration.ts";
import type { ObjectId } from "../../../gateway/storage/control.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import type { CustomersObject } from "../stand-in/customer.ts";
import type { ClusterStandIn } from "../stand-in/stand-in.ts";

/**
 * A driver that can do what a cluster's customers do as well: make objects, and read and write
 * volumes. That is done at the cluster itself, and not by the driver.
 */
export const withCustomer = (driver: StorageDriver, standIn: ClusterStandIn): StorageDriver => {
  const { customer, tower } = standIn;
  const { model } = tower;

  const idOf = ({ kind, id }: CustomersObject): string => {
    switch (kind) {
      case "lun":
        return `lun-${model.luns.find(id)?.zbs_volume_id}`;
      case "volume":
        return `volume-${model.vmVolumes.find(id)?.local_id}`;
      case "vm":
        return `vm-${model.vms.find(id)?.local_id}`;
      case "nfs-file":
        return `file-${model.nfsInodes.find(id)?.local_id}`;
    }
  };
  const find = async (of: ObjectId): Promise<ObjectConfig> => {
    const [found] = await driver.findObjects([of]);
    return found ?? assert.fail(`there is no ${of.kind} ${of.id}`);
  };
  const asConfig = (made: CustomersObject) => find({ kind: made.kind, id: idOf(made) });
  const ownId = (id: string) => id.replace(/^(volume|lun|file|vm)-/, "");

  const objectOf = async (volumeId: string): Promise<ObjectConfig> => {
    const all = await driver.inventory();
    const found = all.find(({ kind, volumes }) => kind !== "vm" && volumes.some(({ id }) => id === volumeId));
    if (found === undefined) throw new VisibleError("VOLUME_UNKNOWN", `There is no volume ${volumeId}.`);
    if (found.origin?.role === "mirror") throw new VisibleError("VOLUME_IS_MIRROR", `${volumeId} is a mirror.`);
    return found;
  };
  /** What a rebuilt volume is called in the records is not what the cluster calls it. */
  const clusterIdOf = async (volumeId: string): Promise<string> => {
    const { kind, name } = await objectOf(volumeId);
    const named = (one: { readonly name: string }) => one.name === name;
    if (kind === "lun")
      return (
        model.luns.all().find(({ zbs_volume_id }) => zbs_volume_id === ownId(volumeId))?.id ??
        model.luns.all().find(named)?.id ??
        ownId(volumeId)
      );
    if (kind === "volume")
      return (
        model.vmVolumes.all().find(({ local_id }) => local_id === ownId(volumeId))?.id ??
        model.vmVolumes.all().find(named)?.id ??
        ownId(volumeId)
      );
    return ownId(volumeId);
  };

  const administration: ClusterAdministration = {
    createObjects: async (specs) => {
      const made = await standIn.administration.createObjects(specs);
      return Promise.all(made.map(asConfig));
    },
    updateObject: async (id, change) => {
      await standIn.administration.updateObject({ kind: id.kind, id: ownId(id.id) }, change);
      return find(id);
    },
    deleteObject: ({ kind, id }) => standIn.administration.deleteObject({ kind, id: ownId(id) }),
    setPower: async (id, power) => {
      standIn.administration.setPower(ownId(id.id), power);
      return find(id);
    },
    setLabels: async (id, labels) => {
      standIn.administration.setLabels(ownId(id.id), labels);
      return find(id);
    },
    losses: async () => assert.fail("the console tells"),
    describeFacility: async () => assert.fail("the console tells"),
    deleteFacility: async () => assert.fail("the console does"),
  };
  const own: Partial<StorageDriver> = {
    administration,
    createVolume: async (options) => asConfig(await customer.createVolume(options)),
    renameVolume: async (volumeId, name) => {
      customer.renameVolume(await clusterIdOf(volumeId), name);
      return objectOf(volumeId);
    },
    deleteVolume: async (volumeId) => customer.deleteVolume(await clusterIdOf(volumeId)),
    openVolume: async (volumeId) => customer.openVolume(await clusterIdOf(volumeId)),
  };
  return new Proxy(driver, {
    get: (target, name) => {
      const method: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
};
