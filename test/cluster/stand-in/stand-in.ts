import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { FakeCluster } from "../rest/entities/entity.ts";
import { FakeDataStore, FakeHost, FakeStoragePolicy } from "../rest/entities/hosts.ts";
import { type FakeModel, need } from "../rest/model.ts";
import type { ClusterBehaviour, ClusterStorage } from "../rest/storage.ts";
import { FakeTower } from "../rest/tower.ts";
import { ClusterCommands } from "../shell/commands.ts";
import { Sshd } from "../shell/sshd.ts";
import { Zbs } from "../zbs/zbs.ts";
import { CustomersAdministration } from "./administration.ts";
import { Customer } from "./customer.ts";
import { makeDiskFolder } from "./disk-folder.ts";
import { TgtPortal, type TgtPortalOptions } from "./portal.ts";
import { sharePortal, unsharePortal } from "./shared-portal.ts";

export interface ClusterStandInOptions {
  readonly name?: string;
  /** 256 KiB unless told otherwise: a real cluster's are a thousand times as long. */
  readonly extentBytes?: number;
  /** Of virtual volumes, which can't choose theirs; one stripe unless told otherwise. */
  readonly volumeStriping?: { readonly stripeCount: number; readonly stripeBytes: number };
  readonly behaviour?: Partial<ClusterBehaviour>;
  /** Nodes of its own, which may die; absent: those that the clusters of a process share. */
  readonly nodes?: TgtPortalOptions;
  /** One that several clusters share; unless told otherwise the cluster has its own. */
  readonly tower?: FakeTower;
}

const usualBehaviour: ClusterBehaviour = {
  rollsBackToOthers: true,
  clonesVolumesAnywhere: true,
  tablesOfSnapshots: true,
  keepsIdsInClones: true,
  marksOneRow: true,
  clonesShare: true,
  groupsTakeVolumes: true,
  listsCommandLine: true,
  makesFiles: true,
  tellsHoles: true,
  showsRoundedSizes: false,
};

/** What a cluster has without anybody having made it. */
const addFurniture = (model: FakeModel, cluster: FakeCluster, nodes: readonly { readonly host: string }[]): void => {
  for (const [i, { host }] of nodes.entries()) model.hosts.add(new FakeHost(`node-${i + 1}`, cluster, host));
  model.dataStores.add(new FakeDataStore("default", cluster));
  for (const replicas of [2, 3])
    model.storagePolicies.add(new FakeStoragePolicy(`replica-${replicas}`, cluster, replicas));
};

/** A cluster made of real parts, of a test's own. It must be closed. */
export class ClusterStandIn {
  readonly tower: FakeTower;
  readonly cluster: FakeCluster;
  readonly portal: TgtPortal;
  readonly behaviour: ClusterBehaviour;
  readonly customer: Customer;
  readonly administration: CustomersAdministration;
  readonly commands: ClusterCommands;
  readonly #options: ClusterStandInOptions;
  /** For what is to go with it; it is in memory. */
  readonly dir: string;
  #sshd: Promise<Sshd> | undefined;

  private constructor(
    parts: Pick<ClusterStandIn, "tower" | "cluster" | "portal" | "behaviour">,
    options: ClusterStandInOptions,
    dir: string,
  ) {
    this.#options = options;
    this.tower = parts.tower;
    this.cluster = parts.cluster;
    this.portal = parts.portal;
    this.behaviour = parts.behaviour;
    this.customer = new Customer(parts.tower.model, parts.cluster);
    this.administration = new CustomersAdministration(this.customer);
    this.commands = new ClusterCommands(parts.tower.model, parts.cluster);
    this.dir = dir;
  }

  /** A node's sshd, which is started when it is first asked for. */
  ssh(): Promise<Sshd> {
    this.#sshd ??= Sshd.start((line) => this.commands.run(line));
    return this.#sshd;
  }

  static async open(options: ClusterStandInOptions = {}): Promise<ClusterStandIn> {
    const dir = await makeDiskFolder();
    const { nodes } = options;
    const portals = nodes === undefined ? sharePortal() : TgtPortal.start(nodes);
    const [tower, portal] = await Promise.all([options.tower ?? FakeTower.start(), portals]);
    const behaviour: ClusterBehaviour = { ...usualBehaviour, ...options.behaviour };
    const zbs = new Zbs({ dir: join(dir, "volumes"), behaviour, whileStill: (work) => portal.whileStill(work) });
    const extentBytes = options.extentBytes ?? 2 ** 18;
    const storage: ClusterStorage = {
      ...{ zbs, luns: portal, behaviour, takesAnyStripes: true, extentBytes },
      volumeStriping: { extentBytes, stripeCount: 1, stripeBytes: 2 ** 18, ...options.volumeStriping },
      usedBytes: () => zbs.usedBytes(),
    };
    const cluster = tower.model.clusters.add(new FakeCluster(options.name ?? "cluster", storage));
    addFurniture(tower.model, cluster, portal.nodes);
    return new ClusterStandIn({ tower, cluster, portal, behaviour }, options, dir);
  }

  /** When the cluster has done all that it was asked for. */
  settled(): Promise<void> {
    return this.tower.model.tasks.settled(this.cluster);
  }

  /** The node that serves dies, of a cluster that has its own. */
  async killNode(): Promise<void> {
    assert(this.#options.nodes !== undefined, "give the cluster nodes of its own");
    await this.portal.killNode();
  }

  /** A LUN's reservations are gone, as after somebody has cleared them. @param id CloudTower's */
  async loseReservation(id: string): Promise<void> {
    const { iscsi_target: target, lun_id: lunId, volume } = need(this.tower.model.luns, id);
    await this.portal.growLun(target.iqn_name, lunId, volume.path);
  }

  async close(): Promise<void> {
    if (this.#options.tower === undefined) await this.tower.stop();
    await this.settled();
    await (await this.#sshd)?.close();
    if (this.#options.nodes === undefined) await this.#leaveNodes();
    else await this.portal.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #leaveNodes(): Promise<void> {
    const targets = this.tower.model.targets.all().filter(({ cluster }) => cluster === this.cluster);
    for (const { iqn_name: iqn } of targets) await this.portal.removeTarget(iqn);
    unsharePortal();
  }
}
