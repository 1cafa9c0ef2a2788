import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SmtxConfig } from "../../../gateway/storage/smtx-config.ts";
import { ClusterStandIn, type ClusterStandInOptions } from "../stand-in/stand-in.ts";

/** A stand-in, and the configuration of a gateway of it. It must be closed. */
export const openConfigured = async ({
  hasShell = true,
  ...options
}: ClusterStandInOptions & { readonly hasShell?: boolean } = {}) => {
  const standIn = await ClusterStandIn.open(options);
  const dir = await mkdtemp(join(tmpdir(), "probe-"));
  const passwordFile = join(dir, "password");
  await writeFile(passwordFile, standIn.tower.password, { mode: 0o600 });
  const { tower, portal, cluster } = standIn;
  const sshd = hasShell ? await standIn.ssh() : undefined;
  const config: SmtxConfig = {
    kind: "smtx",
    cluster: cluster.id,
    tower: { url: tower.url, user: tower.user, source: "local", passwordFile },
    iscsi: { portals: [`${portal.host}:${portal.port}`] },
    extentBytes: 2 ** 18,
    ...(sshd && {
      ssh: {
        hosts: [`${sshd.host}:${sshd.port}`],
        ...{ user: sshd.user, keyFile: sshd.keyFile, knownHostsFile: sshd.knownHostsFile },
      },
    }),
  };
  const close = async (): Promise<void> => {
    await standIn.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { standIn, config, dir, close };
};

/** Names of all that is on the cluster, but for what the driver keeps there. */
export const namesOn = ({ tower: { model } }: ClusterStandIn): readonly string[] =>
  [
    ...[model.targets, model.luns, model.lunSnapshots, model.groups, model.groupSnapshots],
    ...[model.vmVolumes, model.vmVolumeSnapshots],
  ]
    .flatMap((table): readonly { readonly name: string }[] => table.all())
    .map(({ name }) => name)
    .filter((name) => name !== "smtx-backup.ledger" && name !== "zbs-elf");
