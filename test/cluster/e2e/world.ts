import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { RunAnswer } from "../../../core/api/answers.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { objectSpecSchema } from "../../../core/api/object-spec.ts";
import type { PlanDefinition } from "../../../core/api/plan.ts";
import { MovingPlans } from "../../e2e/failover/world.ts";
import { Local } from "../../e2e/local.ts";
import { ClusterSite, type ClusterSiteOptions, extentBytes, geometry } from "./cluster-site.ts";
import { filesWith } from "./told.ts";

interface Place {
  readonly site: string;
  readonly name: string;
}

export type SiteOptions = ClusterSiteOptions | "extentstore";

/** Sites with clusters, or with a store of their own, and all that runs for them. */
export class ClusterWorld extends MovingPlans {
  readonly #clusters: ReadonlyMap<string, ClusterSite>;
  #rebuilt = 0;

  private constructor(local: Local, clusters: ReadonlyMap<string, ClusterSite>) {
    super(local);
    this.#clusters = clusters;
  }

  /** @param sites by their names; of an embedded store `"extentstore"` */
  static async open(
    sites: Readonly<Record<string, SiteOptions>>,
    { gatewaysPerSite = 1 }: { readonly gatewaysPerSite?: number } = {},
  ): Promise<ClusterWorld> {
    const clusters = new Map<string, ClusterSite>();
    for (const [site, options] of Object.entries(sites)) {
      if (options !== "extentstore") clusters.set(site, await ClusterSite.open(options));
    }
    const local = await Local.create();
    const storages = Object.fromEntries([...clusters].map(([site, { config }]) => [site, config]));
    await local.start({ sites: Object.keys(sites), gatewaysPerSite, storages, envoy: "auto" });
    return new ClusterWorld(local, clusters);
  }

  /** The same with a LUN at site a that is written here and there, and a plan that protects it. */
  static async withPlan(
    sites: Readonly<Record<"a" | "b", SiteOptions>>,
    extents: number,
    more: { readonly gatewaysPerSite?: number } = {},
  ): Promise<ClusterWorld> {
    const world = await ClusterWorld.open(sites, more);
    const place = { site: "a", name: "db1" };
    await world.makeLun(place, extents);
    await world.writeExtents(place, [0, 1, 2, 3, extents / 2, extents - 2, extents - 1]);
    await world.local.refreshed("a");
    await world.local.createPlan({ name: "nightly", objects: [{ kind: "lun", name: "db1" }] });
    return world;
  }

  /**
   * Two clusters, with a VM of two disks at site a beside something else of the customer's there,
   * and a switch at b that stands for the VM's.
   */
  static async withVm(beside: Readonly<Record<string, unknown>>): Promise<ClusterWorld> {
    const world = await ClusterWorld.open({ a: {}, b: {} });
    const vm = { kind: "vm", name: "web", memory: "1GiB", disks: ["4MiB", "2MiB"].map((size) => ({ size, geometry })) };
    const nics = [{ switch: "prod", macAddress: "52:54:00:00:00:01" }];
    const specs = {
      a: [{ kind: "switch", name: "prod" }, { ...vm, nics }, beside],
      b: [{ kind: "switch", name: "dr" }],
    };
    for (const [site, ofSite] of Object.entries(specs)) {
      const { administration } = world.cluster(site).standIn;
      await administration.createObjects(ofSite.map((spec) => objectSpecSchema.parse(spec)));
    }
    await world.cluster("a").writeDisk("web", 0, [0, 7, 15]);
    await world.cluster("a").writeDisk("web", 1, [1]);
    return world;
  }

  /** Tells the control plane what there is, and protects it by the plan `shop`. */
  async planShop(objects: PlanDefinition["objects"]): Promise<void> {
    for (const site of ["a", "b"]) await this.local.refreshed(site);
    await this.does("site", "map", "a", "--to", "b", "prod=dr");
    await this.local.createPlan({ name: "shop", objects });
  }

  cluster(site: string): ClusterSite {
    return this.#clusters.get(site) ?? assert.fail(`site ${site} has no cluster`);
  }

  /** As the site's customer makes it. */
  async makeLun({ site, name }: Place, extents: number): Promise<void> {
    const options = { name, kind: "lun" as const, sizeBytes: extents * extentBytes, geometry };
    const cluster = this.#clusters.get(site);
    if (cluster !== undefined) await cluster.standIn.customer.createVolume(options);
    else await this.local.onStorage(site, (storage) => storage.createVolume(options));
  }

  /** As its customer writes it: what nobody has written before, into whole extents. */
  async writeExtents({ site, name }: Place, extents: readonly number[]): Promise<void> {
    const cluster = this.#clusters.get(site);
    const write = async (volume: {
      write(offset: number, data: Uint8Array): Promise<void>;
      close(): Promise<void>;
    }) => {
      for (const extent of extents) await volume.write(extent * extentBytes, randomBytes(extentBytes));
      await volume.close();
    };
    if (cluster !== undefined) return write(cluster.openLun(name));
    const volumeId = await this.volumeOf({ site, name });
    await this.local.onStorage(site, async (storage) => write(await storage.openVolume(volumeId, "write")));
  }

  /** A site's LUN, by whichever way its storage is read without a gateway. */
  override async sha256(place: Place): Promise<string> {
    const cluster = this.#clusters.get(place.site);
    return cluster === undefined ? super.sha256(place) : cluster.sha256(place.name);
  }

  /** What a gateway says that its site has, without mirrors. */
  override async objects(site: string): Promise<readonly ObjectConfig[]> {
    if (!this.#clusters.has(site)) return super.objects(site);
    await this.local.refreshed(site);
    const { objects } = (await this.local.objects(site)) ?? assert.fail(`site ${site} has told nothing`);
    return objects.filter(({ origin }) => origin?.role !== "mirror");
  }

  /** Makes a LUN of what a group has at a site, and deletes it again. @returns its sum */
  async rebuilt(at: { readonly site: string; readonly groupId: string; readonly name: string }): Promise<string> {
    const { site, groupId, name } = at;
    this.#rebuilt += 1;
    const prefix = `back-${this.#rebuilt}-`;
    await this.does("rebuild", groupId, "--site", site, "--prefix", prefix, "--wait");
    const place = { site, name: prefix + name };
    const sum = await this.sha256(place);
    // It has the LUN id that a failover gives to what it makes.
    await this.#deleteLun(place);
    return sum;
  }

  async #deleteLun(place: Place): Promise<void> {
    const cluster = this.#clusters.get(place.site);
    if (cluster !== undefined) return cluster.standIn.customer.deleteVolume(cluster.lunId(place.name));
    const volumeId = await this.volumeOf(place);
    await this.local.onStorage(place.site, (storage) => storage.deleteVolume(volumeId));
  }

  /** Fails where a secret stands in what was written or told, by the names of the files. */
  async keepsSecrets(): Promise<void> {
    const secrets = [...this.#clusters.values()].flatMap(({ secrets: its, standIn }) => [
      ...its,
      ...standIn.tower.givenTokens,
    ]);
    // What is not found here would not be found of secrets either.
    assert.notDeepEqual(await filesWith(this.local.dir, ["ready"]), []);
    assert.deepEqual(await filesWith(this.local.dir, secrets), []);
    assert.ok(secrets.every((secret) => !this.local.output.includes(secret)));
  }

  async close(): Promise<void> {
    await this.local.remove();
    for (const cluster of this.#clusters.values()) await cluster.close();
  }
}

export const progressOf = (run: RunAnswer) => {
  const [target] = run.targets;
  assert(target !== undefined, JSON.stringify(run));
  return { ...target.progress, why: target.base?.why };
};
