import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StorageUnderTest } from "../../../gateway/storage/conformance/storage-under-test.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { withCustomer } from "./with-customer.ts";

/** A cluster of a test's own, and a driver of it that can do what its customers do as well. */
export const openClusterUnderTest = async (): Promise<StorageUnderTest> => {
  const standIn = await ClusterStandIn.open();
  const dir = await mkdtemp(join(tmpdir(), "driver-"));
  const passwordFile = join(dir, "password");
  await writeFile(passwordFile, standIn.tower.password);
  const { tower, portal, cluster } = standIn;
  const sshd = await standIn.ssh();
  const open = () =>
    openSmtx({
      kind: "smtx",
      cluster: cluster.id,
      tower: { url: tower.url, user: tower.user, source: "local", passwordFile },
      iscsi: { portals: [`${portal.host}:${portal.port}`] },
      ssh: {
        hosts: [`${sshd.host}:${sshd.port}`],
        user: sshd.user,
        keyFile: sshd.keyFile,
        knownHostsFile: sshd.knownHostsFile,
      },
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
