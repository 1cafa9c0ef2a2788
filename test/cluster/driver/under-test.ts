import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StorageCall } from "../../../gateway/storage/call.ts";
import type { StorageUnderTest } from "../../../gateway/storage/conformance/storage-under-test.ts";
import type { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import { openSmtx, type SmtxOptions } from "../../../gateway/storage/smtx/open.ts";
import type { SmtxConfig } from "../../../gateway/storage/smtx-config.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { withCustomer } from "./with-customer.ts";

/** A driver of a stand-in; whoever has it closes it first. */
export const openDriver = async (
  standIn: ClusterStandIn,
  { hasShell = true, ...more }: SmtxOptions & StorageCall & { readonly hasShell?: boolean } = {},
): Promise<SmtxCluster> => {
  const dir = await mkdtemp(join(tmpdir(), "driver-"));
  try {
    const { ssh, ...config } = await configOf(standIn, dir);
    return await openSmtx({ ...config, ...(hasShell && { ssh }) }, more);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

/** What a gateway is configured with for it. @param dir where its secrets are put */
export const configOf = async (standIn: ClusterStandIn, dir: string): Promise<SmtxConfig> => {
  const passwordFile = join(dir, "password");
  await writeFile(passwordFile, standIn.tower.password);
  const { tower, portal, cluster } = standIn;
  const sshd = await standIn.ssh();
  return {
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
    hashesDir: join(standIn.dir, "hashes"),
    extentBytes: 2 ** 18,
  };
};

/** A cluster of a test's own, and a driver of it that can do what its customers do as well. */
export const openClusterUnderTest = async (): Promise<StorageUnderTest> => {
  const standIn = await ClusterStandIn.open();
  let driver = await openDriver(standIn);
  return {
    driver: withCustomer(driver, standIn),
    reopen: async () => {
      await driver.close();
      driver = await openDriver(standIn);
      return withCustomer(driver, standIn);
    },
    close: async () => {
      await driver.close();
      await standIn.close();
      assert.deepEqual(standIn.tower.breaches, []);
    },
  };
};
