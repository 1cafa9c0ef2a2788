import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StorageUnderTest } from "../../../gateway/storage/conformance/storage-under-test.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";

/** A cluster of a test's own, and a driver of it that can do what its customers do as well. */
export const openClusterUnderTest = async (): Promise<StorageUnderTest> => {
  const standIn = await ClusterStandIn.open();
  const dir = await mkdtemp(join(tmpdir(), "driver-"));
  const passwordFile = join(dir, "password");
  await writeFile(passwordFile, standIn.tower.password);
  const { tower, portal, cluster } = standIn;
  const open = () =>
    openSmtx({
      kind: "smtx",
      cluster: cluster.id,
      tower: { url: tower.url, user: tower.user, source: "local", passwordFile },
      iscsi: { portals: [`${portal.host}:${portal.port}`] },
      extentBytes: 2 ** 18,
    });
  let driver = await open();
  return {
    driver: withCustomer(driver, standIn),
    reopen: async () => {
      await driver.close();
      driver = await open();
      return withCustomer(driver, standIn);
    },
    close: async () => {
      await driver.close();
      await standIn.close();
      await rm(dir, { recursive: true, force: true });
      assert.deepEqual(tower.breaches, []);
    },
  };
};

/** What is made, written and read there by those whose cluster it is. */
const withCustomer = (driver: StorageDriver, { customer, tower }: ClusterStandIn): StorageDriver => {
  const objectOf = async (volumeId: string) => {
    const found = (await driver.inventory()).find(({ volumes }) => volumes.some(({ id }) => id === volumeId));
    return found ?? assert.fail(`there is no ${volumeId}`);
  };
  const zbsIdOf = (volumeId: string) => volumeId.replace(/^volume-/, "");
  const lunOf = (volumeId: string) => {
    const lun = tower.model.luns.all().find(({ zbs_volume_id }) => zbs_volume_id === zbsIdOf(volumeId));
    return lun?.id ?? assert.fail(`there is no ${volumeId}`);
  };
  const own: Partial<StorageDriver> = {
    createVolume: async (options) => {
      const id = await customer.createVolume(options);
      const lun = tower.model.luns.find(id);
      return objectOf(`volume-${lun?.zbs_volume_id}`);
    },
    renameVolume: async (volumeId, name) => {
      await customer.renameVolume(lunOf(volumeId), name);
      return objectOf(volumeId);
    },
    deleteVolume: (volumeId) => customer.deleteVolume(lunOf(volumeId)),
    openVolume: async (volumeId) => customer.openVolume(lunOf(volumeId)),
  };
  return new Proxy(driver, {
    get: (target, name) => {
      const method: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
};
