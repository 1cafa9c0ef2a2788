import { itemBytes, type Raw } from "./capacity.ts";
import { ModelPartition } from "./model-partition.ts";

/** The body is text here, so that nobody shares it. */
export type ModelItem = {
  readonly pk: string;
  readonly sk: string;
  readonly version: number;
  readonly dueShard?: number;
  readonly dueAt?: string;
  readonly ttl?: number;
  readonly body: string;
};

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

const sizes = new WeakMap<ModelItem, number>();
export const bytesOf = (item: ModelItem | undefined): number => (item === undefined ? 0 : (sizes.get(item) ?? 0));

export const rawOf = ({ body, ...rest }: ModelItem): Raw => ({ ...rest, body: JSON.parse(body) });

export const itemOf = (raw: Raw): ModelItem => {
  const item = { ...(raw as unknown as ModelItem), body: JSON.stringify(raw["body"]) };
  sizes.set(item, itemBytes(raw));
  return item;
};

/** An item as it lies in the index, which has the keys and nothing else. */
export const entryOf = (item: ModelItem | undefined): Raw | undefined => {
  if (item?.dueShard === undefined) return undefined;
  const { pk, sk, dueShard, dueAt } = item;
  return { pk, sk, dueShard, dueAt };
};

const textOf = ({ pk, sk }: ItemKey): string => `${pk}\n${sk}`;

/** The items of the one table, and of those that are due its index. */
export class ModelItems {
  readonly #partitions = new Map<string, ModelPartition<ModelItem>>();
  readonly #due = new Map<number, Map<string, ModelItem>>();

  /** Documents of a partition, without faults: for checks. */
  list<T>(partition: string, prefix = ""): { readonly sort: string; readonly body: T }[] {
    return this.items(partition, prefix).map(({ sk, body }) => ({ sort: sk, body: JSON.parse(body) as T }));
  }

  get<T>(partition: string, sort: string): T | undefined {
    const item = this.#partitions.get(partition)?.get(sort);
    return item === undefined ? undefined : (JSON.parse(item.body) as T);
  }

  /** The table as it is now, to be set back to. */
  copy(): readonly ModelItem[] {
    return [...this.#partitions.values()].flatMap((items) => [...items.values()]);
  }

  /** Restores the table to an earlier point in time. */
  setBack(copy: readonly ModelItem[]): void {
    this.#partitions.clear();
    this.#due.clear();
    for (const item of copy) this.put(item);
  }

  /** What the sweep will find some day, as `<partition>\n<sort>`. */
  dueKeys(): ReadonlySet<string> {
    return new Set([...this.#due.values()].flatMap((shard) => [...shard.keys()]));
  }

  /** When the sweep has the next document to look at. */
  nextDue(): string | undefined {
    let next: string | undefined;
    for (const shard of this.#due.values()) {
      for (const { dueAt = "" } of shard.values()) if (next === undefined || dueAt < next) next = dueAt;
    }
    return next;
  }

  /** What time to live would delete by `now`, in whole seconds since 1970. @returns how many */
  expire(nowSeconds: number): number {
    let count = 0;
    for (const items of this.#partitions.values()) {
      for (const { pk, sk, ttl } of [...items.values()]) {
        if (ttl === undefined || ttl >= nowSeconds) continue;
        this.delete({ pk, sk });
        count += 1;
      }
    }
    return count;
  }

  at({ pk, sk }: ItemKey): ModelItem | undefined {
    return this.#partitions.get(pk)?.get(sk);
  }

  items(partition: string, prefix: string): ModelItem[] {
    return this.#partitions.get(partition)?.list(prefix) ?? [];
  }

  /** What is in a shard of the index. */
  due(shard: number): ModelItem[] {
    return [...(this.#due.get(shard)?.values() ?? [])];
  }

  put(item: ModelItem): void {
    this.#forgetDue(item);
    const items = this.#partitions.get(item.pk) ?? new ModelPartition<ModelItem>();
    items.set(item.sk, item);
    this.#partitions.set(item.pk, items);
    if (item.dueShard === undefined) return;
    const shard = this.#due.get(item.dueShard) ?? new Map<string, ModelItem>();
    this.#due.set(item.dueShard, shard.set(textOf(item), item));
  }

  delete(key: ItemKey): void {
    this.#forgetDue(key);
    this.#partitions.get(key.pk)?.delete(key.sk);
  }

  #forgetDue(key: ItemKey): void {
    const shard = this.at(key)?.dueShard;
    if (shard !== undefined) this.#due.get(shard)?.delete(textOf(key));
  }
}
