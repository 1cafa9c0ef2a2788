import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { ClusterAdministration } from "../../../gateway/storage/administration.ts";
import type { ObjectId } from "../../../gateway/storage/control.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { type CustomersObject, isNamed } from "../stand-in/customer.ts";
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
    return found;
  };
  const refuseMirror = (object: ObjectConfig): ObjectConfig => {
    if (object.origin?.role !== "mirror") return object;
    throw new VisibleError("VOLUME_IS_MIRROR", `“${object.name}” is a mirror.`, { hint: "Rebuild it." });
  };
  /** What was made for the records has another id there. */
  const clusterIdOf = async (volumeId: string): Promise<string> => {
    const { kind, name, origin } = await objectOf(volumeId);
    const own = ownId(volumeId);
    if (kind === "nfs-file" && origin?.role === "rebuilt") {
      const inodes = model.nfsInodes.all().filter(({ file }) => file);
      return inodes.find(({ nfs_export: of, path }) => `/exports/${of.name}/${path}` === name)?.id ?? own;
    }
    const luns = model.luns.all();
    const volumes = model.vmVolumes.all();
    if (origin === undefined && [...luns, ...volumes, ...model.nfsInodes.all()].some(isNamed(own))) return own;
    const made =
      origin?.role === "mirror"
        ? luns.find((lun) => lun.name.endsWith(`.${volumeId}`))
        : kind === "lun"
          ? luns.find((lun) => lun.name === name)
          : volumes.find((volume) => volume.name === name);
    return made?.id ?? own;
  };

  const vmIdOf = async ({ kind, id }: ObjectId): Promise<string> => {
    const object = await find({ kind, id });
    if (object.origin?.role === "mirror") throw new VisibleError("OBJECT_IS_MIRROR", `“${object.name}” is a mirror.`);
    if (kind !== "vm") return clusterIdOf(object.volumes[0]?.id ?? "");
    return object.origin === undefined
      ? ownId(id)
      : (model.vms.all().find(({ name }) => name === object.name)?.id ?? ownId(id));
  };

  /** A console asks whether a VM's disks go. */
  const deleteUnused = async ({ volumes }: ObjectConfig): Promise<void> => {
    const all = await driver.inventory();
    for (const { id: volumeId } of volumes) {
      const volume = all.find(({ kind, volumes: its }) => kind === "volume" && its.some(({ id }) => id === volumeId));
      if (volume?.kind === "volume" && volume.vms === undefined)
        await customer.deleteVolume(await clusterIdOf(volumeId));
    }
  };

  const makeDirectories = (object: ObjectConfig, name: string): void => {
    const [, , exportName = "", ...path] = name.split("/");
    if (object.kind !== "nfs-file" || path.length < 2) return;
    standIn.administration.makeDirectories(exportName, path.slice(0, -1), object.file.settings);
  };

  const administration: ClusterAdministration = {
    createObjects: async (specs) => {
      const made = await standIn.administration.createObjects(specs);
      return Promise.all(made.map(asConfig));
    },
    updateObject: async (id, change) => {
      const before = await find(id);
      await standIn.administration.updateObject({ kind: id.kind, id: await vmIdOf(id) }, change);
      if (change.disks !== undefined) await deleteUnused(before);
      return find(id);
    },
    deleteObject: async (id) => {
      const object = await find(id);
      await standIn.administration.deleteObject({ kind: id.kind, id: await vmIdOf(id) });
      if (object.kind === "vm") await deleteUnused(object);
    },
    setPower: async (id, power) => {
      standIn.administration.setPower(await vmIdOf(id), power);
      return find(id);
    },
    setLabels: async (id, labels) => {
      standIn.administration.setLabels(await vmIdOf(id), labels);
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
      refuseMirror(await objectOf(volumeId));
      customer.renameVolume(await clusterIdOf(volumeId), name);
      return objectOf(volumeId);
    },
    // Directories are made by whoever has mounted the export.
    rebuildObject: async (options, call) => {
      makeDirectories(options.object, options.name);
      return driver.rebuildObject(options, call);
    },
    rebuildObstacles: async (options, call) => {
      makeDirectories(options.object, options.name);
      return driver.rebuildObstacles(options, call);
    },
    deleteVolume: async (volumeId) => {
      refuseMirror(await objectOf(volumeId));
      await customer.deleteVolume(await clusterIdOf(volumeId));
    },
    openVolume: async (volumeId, mode) => {
      if (mode === "write") refuseMirror(await objectOf(volumeId));
      const [shape] = (await objectOf(volumeId)).volumes;
      const volume = customer.openVolume(await clusterIdOf(volumeId));
      // The cluster's own is rounded up to whole extents.
      return Object.defineProperty(volume, "sizeBytes", { value: shape?.sizeBytes });
    },
  };
  return new Proxy(driver, {
    get: (target, name) => {
      const method: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
};
