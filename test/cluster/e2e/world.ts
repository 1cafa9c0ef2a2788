import assert from "node:assert/strict";
import type { RunAnswer } from "../../../core/api/answers.ts";
import { MovingPlans } from "../../e2e/failover/world.ts";
import { Local } from "../../e2e/local.ts";
import { ClusterSite, type ClusterSiteOptions } from "./cluster-site.ts";

/** Sites with clusters, or with a store of their own, and all that runs for them. */
export class ClusterWorld extends MovingPlans {
  readonly #clusters: ReadonlyMap<string, ClusterSite>;
  #rebuilt = 0;

  private constructor(local: Local, clusters: ReadonlyMap<string, ClusterSite>) {
    super(local);
    this.#clusters = clusters;
  }

  /** @param sites by their names; of an embedded store `"extentstore"` */
  static async open(sites: Readonly<Record<string, ClusterSiteOptions | "extentstore">>): Promise<ClusterWorld> {
    const clusters = new Map<string, ClusterSite>();
    for (const [site, options] of Object.entries(sites)) {
      if (options !== "extentstore") clusters.set(site, await ClusterSite.open(options));
    }
    const local = await Local.create();
    const storages = Object.fromEntries([...clusters].map(([site, { config }]) => [site, config]));
    await local.start({ sites: Object.keys(sites), storages, envoy: "auto" });
    return new ClusterWorld(local, clusters);
  }

  cluster(site: string): ClusterSite {
    return this.#clusters.get(site) ?? assert.fail(`site ${site} has no cluster`);
  }

  /** A site's LUN, by whichever way its storage is read without a gateway. */
  override async sha256(place: { readonly site: string; readonly name: string }): Promise<string> {
    const cluster = this.#clusters.get(place.site);
    return cluster === undefined ? super.sha256(place) : cluster.sha256(place.name);
  }

  /** Makes a LUN of what a group has at a site. @returns its sum */
  async rebuilt(at: { readonly site: string; readonly groupId: string; readonly name: string }): Promise<string> {
    const { site, groupId, name } = at;
    this.#rebuilt += 1;
    const prefix = `back-${this.#rebuilt}-`;
    await this.does("rebuild", groupId, "--site", site, "--prefix", prefix, "--wait");
    return this.sha256({ site, name: prefix + name });
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
