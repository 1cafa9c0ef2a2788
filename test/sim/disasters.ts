import assert from "node:assert/strict";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, type Instant, type PlanId, runIdOfGroup, type SiteId } from "../../core/api/ids.ts";
import { planKey, runKey } from "../../functions/documents/records.ts";
import type { ModelSite } from "./model-site.ts";
import type { World } from "./world.ts";

type Place = "the table" | SiteId;

/**
 * What people and broken disks do to what is stored: the control plane's table is set back to an
 * earlier point in time, and so is a target's store, or its disk is not mounted for a while. What
 * was sent before is still under way.
 */
export class Disasters {
  readonly #world: World;
  readonly #planId: PlanId;
  readonly #copies = new Map<Place, () => void>();
  /** Groups that a site had when the table was set back to before they were known. */
  readonly #orphans = new Map<string, { readonly siteId: SiteId; readonly groupId: GroupId }>();
  #setBackAt: Instant | undefined;
  /** How often something else came in the place of what was stored. */
  count = 0;

  constructor(world: World, planId: PlanId) {
    this.#world = world;
    this.#planId = planId;
    // What was decided before the table was set back may still be carried out.
    world.onReclaimed = (task, deleted) => {
      if (this.#setBackAt === undefined || task.issuedAt > this.#setBackAt) return;
      for (const groupId of deleted) this.#orphans.delete(`${groupId} on ${task.siteId}`);
    };
  }

  /** One thing happens at a place: a copy of it is made, or it is set back to the one that was. */
  strike(place: Place): void {
    const setBack = this.#copies.get(place);
    if (setBack === undefined) {
      this.#copies.set(place, this.#keep(place));
      return;
    }
    this.#copies.delete(place);
    setBack();
  }

  #keep(place: Place): () => void {
    const { table } = this.#world;
    if (place !== "the table") return this.#keepStore(this.#world.site(place));
    const copy = table.copy();
    return () => {
      this.#forgetKnown();
      table.setBack(copy);
      this.count += 1;
      this.#setBackAt = this.#world.now;
      this.#noteOrphans();
    };
  }

  /**
   * Either the store is put back to an older copy, or its disk was not mounted
   * from now on until then.
   */
  #keepStore(site: ModelSite): () => void {
    const copy = site.copy();
    if (this.#world.chance.happens(0.5)) this.#putBack(site);
    return () => this.#putBack(site, copy);
  }

  #putBack(site: ModelSite, copy?: ReturnType<ModelSite["copy"]>): void {
    site.putBack(copy);
    this.count += 1;
    for (const [name, { siteId }] of this.#orphans) if (siteId === site.id) this.#orphans.delete(name);
  }

  /**
   * What is known by now may be deleted like any other, also before the table forgets it once more.
   */
  #forgetKnown(): void {
    for (const [name, { groupId }] of this.#orphans) if (this.#isRunKnown(groupId)) this.#orphans.delete(name);
  }

  #isRunKnown(groupId: GroupId): boolean {
    const { partition, sort } = runKey(runIdOfGroup(groupId));
    return this.#world.table.get(partition, sort) !== undefined;
  }

  #noteOrphans(): void {
    const known = this.#records();
    for (const site of this.#world.sites.values()) {
      for (const groupId of site.groups.keys()) {
        const isKnown = known.some((group) => group.id === groupId && group.siteId === site.id);
        if (!isKnown) this.#orphans.set(`${groupId} on ${site.id}`, { siteId: site.id, groupId });
      }
    }
  }

  /** What the table does not know is neither deleted nor forgotten. */
  checkOrphans(): void {
    const records = this.#records();
    for (const { siteId, groupId } of this.#orphans.values()) {
      // The slot was run again, and gave the same: it is not unknown.
      if (this.#isRunKnown(groupId)) continue;
      assert(this.#world.site(siteId).groups.has(groupId), `an unknown group on ${siteId} was deleted`);
      assert(
        records.some((group) => group.id === groupId && group.siteId === siteId && group.state === "unknown"),
        `nobody has written down an unknown group on ${siteId}`,
      );
    }
  }

  #records(): readonly Group[] {
    return this.#world.table.list<Group>(planKey(this.#planId).partition, "GROUP#").map(({ body }) => body);
  }
}
