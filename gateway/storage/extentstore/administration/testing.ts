import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ObjectKind } from "../../../../core/api/object/common.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import { objectChangeSchema, objectSpecSchema } from "../../../../core/api/object-spec.ts";
import { ExtentStore } from "../extentstore.ts";
import { checkConsistency } from "../testing/consistency.ts";

export const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
export const small = { size: "64KiB", geometry };

/** A cluster, told by documents as a person writes them. */
export interface TestCluster {
  readonly store: ExtentStore;
  create(...documents: readonly object[]): Promise<readonly ObjectConfig[]>;
  change(name: string, change: object): Promise<ObjectConfig>;
  remove(name: string): Promise<void>;
  /** The object of that name, which must be there; of VMs and volumes of one name, the VM. */
  object<K extends ObjectKind>(kind: K, name: string): Promise<Extract<ObjectConfig, { kind: K }>>;
  /** The names of all objects of a kind. */
  names(kind: ObjectKind): Promise<readonly string[]>;
}

/** Afterwards what the store has must hang together. */
export const withCluster = async (body: (cluster: TestCluster) => Promise<void>): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), "cluster-"));
  const store = await ExtentStore.open(dir);
  try {
    await body(clusterOf(store));
  } finally {
    await store.close();
  }
  checkConsistency(dir);
  await rm(dir, { recursive: true });
};

export const clusterTest = (title: string, body: (cluster: TestCluster) => Promise<void>): void => {
  test(title, () => withCluster(body));
};

const clusterOf = (store: ExtentStore): TestCluster => {
  const { administration } = store;
  const find = async (name: string): Promise<ObjectConfig> => {
    const named = (await store.inventory()).filter((object) => object.name === name);
    const found = named.find(({ kind }) => kind === "vm") ?? named[0];
    assert.ok(found, `there is no “${name}”`);
    return found;
  };
  return {
    store,
    create: async (...documents) =>
      administration.createObjects(documents.map((document) => objectSpecSchema.parse(document))),
    change: async (name, change) => administration.updateObject(await find(name), objectChangeSchema.parse(change)),
    remove: async (name) => administration.deleteObject(await find(name)),
    object: async (kind, name) => {
      const found = (await store.inventory()).find((object) => object.kind === kind && object.name === name);
      assert.ok(found, `there is no ${kind} “${name}”`);
      return found as Extract<ObjectConfig, { kind: typeof kind }>;
    },
    names: async (kind) => (await store.inventory()).filter((object) => object.kind === kind).map(({ name }) => name),
  };
};
