import { randomBytes, randomUUID } from "node:crypto";
import type { ClusterStorage } from "../storage.ts";

export type FakeAsyncStatus = "CREATING" | "UPDATING" | "DELETING" | null;

/** Has what every entity has. */
export abstract class FakeEntity {
  readonly id: string = `c${randomBytes(12).toString("hex")}`;
  local_id: string = randomUUID();
  entityAsyncStatus: FakeAsyncStatus = null;
  local_created_at: string = new Date().toISOString();
  readonly labels: FakeLabel[] = [];
  abstract name: string;
  abstract readonly cluster: FakeCluster;
}

/** Entities of one kind, in the order that they were made in. */
export class EntityTable<T extends { readonly id: string }> {
  readonly #byId = new Map<string, T>();

  add<Added extends T>(entity: Added): Added {
    this.#byId.set(entity.id, entity);
    return entity;
  }

  find(id: string): T | undefined {
    return this.#byId.get(id);
  }

  all(): readonly T[] {
    return [...this.#byId.values()];
  }

  delete(entity: T): void {
    this.#byId.delete(entity.id);
  }
}

export class FakeLabel {
  readonly id: string = `c${randomBytes(12).toString("hex")}`;
  readonly key: string;
  readonly value: string;
  readonly createdAt: string = new Date().toISOString();

  constructor(key: string, value: string) {
    this.key = key;
    this.value = value;
  }
}

export class FakeCluster extends FakeEntity {
  name: string;
  readonly storage: ClusterStorage;
  readonly type = "SMTX_OS";
  readonly hypervisor = "ELF";
  readonly architecture = "X86_64";
  readonly connect_state = "CONNECTED";
  readonly version = "6.3.0";
  readonly ip = "127.0.0.1";
  /** Bytes, and those that can be used. */
  total_data_capacity: number = 2 ** 40;

  constructor(name: string, storage: ClusterStorage) {
    super();
    this.name = name;
    this.storage = storage;
  }

  get cluster(): FakeCluster {
    return this;
  }

  get valid_data_space(): number {
    return this.total_data_capacity;
  }

  get used_data_space(): number {
    return this.storage.usedBytes();
  }
}
