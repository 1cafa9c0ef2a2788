import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { probeCluster } from "../../gateway/storage/smtx/probe/probe.ts";
import type { SmtxConfig } from "../../gateway/storage/smtx-config.ts";
import { ClusterStandIn } from "../../test/cluster/stand-in/stand-in.ts";
import { replaceContent } from "../../test/cluster/zbs/content.ts";
import { writtenBytesOf } from "../measure/processes.ts";
import { type GatewayPair, Sites } from "../ours/sites.ts";
import { sourceSite } from "../ours/tasks.ts";

const lunName = "disk";
const probedBytes = 2 ** 20;

/** Two sites whose storage is a stand-in for a cluster each, with a LUN at the source. */
export class ClusterPair {
  readonly #sites: Sites;
  readonly #source: ClusterStandIn;
  readonly #target: ClusterStandIn;
  readonly #lun: string;

  private constructor(of: { sites: Sites; source: ClusterStandIn; target: ClusterStandIn; lun: string }) {
    this.#sites = of.sites;
    this.#source = of.source;
    this.#target = of.target;
    this.#lun = of.lun;
  }

  /** @param of.dir where their configuration is; the disks are in the folder for temporary files */
  static async open(of: { dir: string; sizeBytes: number; geometry: Geometry }): Promise<ClusterPair> {
    const { dir, sizeBytes, geometry } = of;
    const { extentBytes } = geometry;
    const opened: ClusterStandIn[] = [];
    try {
      for (const _ of ["source", "target"]) {
        opened.push(await ClusterStandIn.open({ extentBytes, nodes: { sharesReservations: true, pdus: "large" } }));
      }
      const [source, target] = opened as [ClusterStandIn, ClusterStandIn];
      const { id: lun } = await source.customer.createVolume({ name: lunName, kind: "lun", sizeBytes, geometry });
      const configs = { source: await configOf(source, dir, "source"), target: await configOf(target, dir, "target") };
      // As docs/smtx.md has it done before the first backup.
      for (const config of Object.values(configs)) await probeCluster(config, { contentBytes: probedBytes });
      const storageOf = (siteId: string) => (siteId === sourceSite ? configs.source : configs.target);
      const sites = await Sites.create(join(dir, "sites"), join(dir, "pki"), storageOf);
      return new ClusterPair({ sites, source, target, lun });
    } catch (error) {
      for (const standIn of opened) await standIn.close();
      throw error;
    }
  }

  withGateways<T>(use: (gateways: GatewayPair) => Promise<T>): Promise<T> {
    return this.#sites.withGateways(use);
  }

  /** Brings an image into the LUN, as its customer writes. */
  write(image: string): void {
    const { path, sizeBytes } = this.#source.customer.zbsVolume(this.#lun);
    replaceContent(path, image, sizeBytes);
  }

  async object({ source }: GatewayPair): Promise<ObjectConfig> {
    const found = (await source.call("inventory", null)).find(({ name }) => name === lunName);
    if (found === undefined) throw new Error(`the cluster does not show “${lunName}”`);
    return found;
  }

  /** What the stand-ins have spent on copies that a cluster does not make. */
  get copyingMs(): number {
    return this.#source.cluster.storage.zbs.copyingMs + this.#target.cluster.storage.zbs.copyingMs;
  }

  /** What the source's nodes have sent to initiators, and written, as the kernel counts. */
  get bytesSent(): number {
    return bytesOfNodes(this.#source);
  }

  /** The same of the target's. */
  get bytesAtTarget(): number {
    return bytesOfNodes(this.#target);
  }

  async close(): Promise<void> {
    for (const standIn of [this.#source, this.#target]) await standIn.close();
  }
}

const bytesOfNodes = ({ portal }: ClusterStandIn): number =>
  portal.nodePids.reduce((sum, pid) => sum + writtenBytesOf(pid), 0);

const configOf = async (standIn: ClusterStandIn, dir: string, name: string): Promise<SmtxConfig> => {
  await mkdir(dir, { recursive: true });
  const passwordFile = join(dir, `${name}.password`);
  const { tower, portal, cluster } = standIn;
  await writeFile(passwordFile, tower.password, { mode: 0o600 });
  const { host, port, user, keyFile, knownHostsFile } = await standIn.ssh();
  return {
    kind: "smtx",
    cluster: cluster.id,
    tower: { url: tower.url, user: tower.user, source: "local", passwordFile },
    iscsi: { portals: [`${portal.host}:${portal.port}`] },
    ssh: { hosts: [`${host}:${port}`], user, keyFile, knownHostsFile },
    extentBytes: cluster.storage.extentBytes,
  };
};
