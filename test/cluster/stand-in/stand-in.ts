import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeCluster } from "../rest/entities/entity.ts";
import type { ClusterBehaviour, ClusterStorage } from "../rest/storage.ts";
import { FakeTower } from "../rest/tower.ts";
import { ClusterCommands } from "../shell/commands.ts";
import { Sshd } from "../shell/sshd.ts";
import { Zbs } from "../zbs/zbs.ts";
import { CustomersAdministration } from "./administration.ts";
import { Customer } from "./customer.ts";
import { TgtPortal } from "./portal.ts";

export interface ClusterStandInOptions {
  /** 256 KiB unless told otherwise: a real cluster's are a thousand times as long. */
  readonly extentBytes?: number;
  /** Of virtual volumes, which can't choose theirs; one stripe unless told otherwise. */
  readonly volumeStriping?: { readonly stripeCount: number; readonly stripeBytes: number };
  readonly behaviour?: Partial<ClusterBehaviour>;
  /** One that several clusters share; unless told otherwise the cluster has its own. */
  readonly tower?: FakeTower;
}

const usualBehaviour: ClusterBehaviour = {
  rollsBackToOthers: true,
  clonesVolumesAnywhere: true,
  tablesOfSnapshots: true,
  keepsIdsInClones: true,
  marksOneRow: true,
  groupsTakeVolumes: true,
  showsRoundedSizes: false,
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
  readonly #dir: string;
  #sshd: Promise<Sshd> | undefined;

  private constructor(parts: Pick<ClusterStandIn, "tower" | "cluster" | "portal" | "behaviour">, dir: string) {
    this.tower = parts.tower;
    this.cluster = parts.cluster;
    this.portal = parts.portal;
    this.behaviour = parts.behaviour;
    this.customer = new Customer(parts.tower.model, parts.cluster);
    this.administration = new CustomersAdministration(this.customer);
    this.commands = new ClusterCommands(parts.tower.model, parts.cluster);
    this.#dir = dir;
  }

  /** A node's sshd, which is started when it is first asked for. */
  ssh(): Promise<Sshd> {
    this.#sshd ??= Sshd.start((line) => this.commands.run(line));
    return this.#sshd;
  }

  static async open(options: ClusterStandInOptions = {}): Promise<ClusterStandIn> {
    const dir = await mkdtemp(join(tmpdir(), "stand-in-"));
    const [tower, portal] = await Promise.all([options.tower ?? FakeTower.start(), TgtPortal.start()]);
    const behaviour: ClusterBehaviour = { ...usualBehaviour, ...options.behaviour };
    const zbs = new Zbs({ dir: join(dir, "volumes"), behaviour, whileStill: (work) => portal.whileStill(work) });
    const extentBytes = options.extentBytes ?? 2 ** 18;
    const storage: ClusterStorage = {
      ...{ zbs, luns: portal, behaviour, takesAnyStripes: true, extentBytes },
      volumeStriping: { extentBytes, stripeCount: 1, stripeBytes: 2 ** 18, ...options.volumeStriping },
      usedBytes: () => zbs.usedBytes(),
    };
    const cluster = tower.model.clusters.add(new FakeCluster("cluster", storage));
    return new ClusterStandIn({ tower, cluster, portal, behaviour }, dir);
  }

  /** When the cluster has done all that it was asked for. */
  settled(): Promise<void> {
    return this.tower.model.tasks.settled(this.cluster);
  }

  async close(): Promise<void> {
    await this.tower.stop();
    await this.settled();
    await (await this.#sshd)?.close();
    await this.portal.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
