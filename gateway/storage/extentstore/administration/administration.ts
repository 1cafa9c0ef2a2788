import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectChange, ObjectSpec } from "../../../../core/api/object-spec.ts";
import type { ClusterAdministration, FacilityDescription, FacilityId, Loss } from "../../administration.ts";
import type { StorageCall } from "../../call.ts";
import type { ObjectId } from "../../control.ts";
import type { Store } from "../data/store.ts";
import { collect } from "../space/collect.ts";
import { changeObject } from "./change.ts";
import { createObjects } from "./create.ts";
import { describeFacility, removeFacility } from "./facilities.ts";
import { setLabels } from "./labels.ts";
import { lossesOf } from "./losses.ts";
import { setPower } from "./power.ts";
import { removeObject } from "./remove.ts";

/** An extentstore's console: each call is one transaction of its metadata. */
export class StoreAdministration implements ClusterAdministration {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async createObjects(specs: readonly ObjectSpec[], call?: StorageCall): Promise<readonly ObjectConfig[]> {
    return this.#transaction(call, ({ database }) => createObjects(database, specs));
  }

  async updateObject(id: ObjectId, change: ObjectChange, call?: StorageCall): Promise<ObjectConfig> {
    const changed = this.#transaction(call, ({ database, writer }) => changeObject({ database, writer }, id, change));
    // Disks that are taken out of a VM may have gone.
    if (change.disks !== undefined) await this.#collect(call);
    return changed;
  }

  async losses(id: ObjectId, change: ObjectChange | "delete", call?: StorageCall): Promise<readonly Loss[]> {
    return this.#transaction(call, ({ database }) => lossesOf(database, id, change));
  }

  async deleteObject(id: ObjectId, call?: StorageCall): Promise<void> {
    this.#transaction(call, ({ database, writer }) => removeObject({ database, writer }, id));
    await this.#collect(call);
  }

  async describeFacility(of: FacilityId, call?: StorageCall): Promise<FacilityDescription | undefined> {
    return this.#transaction(call, ({ database }) => describeFacility(database, of));
  }

  async deleteFacility(of: FacilityId, call?: StorageCall): Promise<void> {
    this.#transaction(call, ({ database }) => removeFacility(database, of));
  }

  async setPower(id: ObjectId, power: "on" | "off", call?: StorageCall): Promise<ObjectConfig> {
    return this.#transaction(call, ({ database }) => setPower(database, id, power));
  }

  async setLabels(
    id: ObjectId,
    labels: Readonly<Record<string, string | null>>,
    call?: StorageCall,
  ): Promise<ObjectConfig> {
    return this.#transaction(call, ({ database }) => setLabels(database, id, labels));
  }

  #transaction<Result>(call: StorageCall | undefined, work: (store: Store) => Result): Result {
    call?.signal?.throwIfAborted();
    return this.#store.database.transaction(() => work(this.#store));
  }

  async #collect(call: StorageCall | undefined): Promise<void> {
    await collect(this.#store, { compact: true, ...call });
  }
}
