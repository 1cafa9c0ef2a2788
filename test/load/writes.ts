import type { Clients } from "../../functions/aws/clients.ts";
import { dueShardOf } from "../../functions/aws/dynamodb-item.ts";

interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}
interface Written {
  readonly Key: ItemKey;
  readonly ExpressionAttributeValues?: Readonly<Record<string, unknown>>;
}
type Input = {
  readonly Key?: ItemKey;
  readonly TransactItems?: readonly Readonly<Record<string, Written>>[];
  readonly RequestItems?: Readonly<Record<string, readonly { readonly PutRequest: { readonly Item: ItemKey } }[]>>;
};

const writtenBy = (command: string, input: Input): readonly Written[] => {
  switch (command) {
    case "UpdateItemCommand":
    case "DeleteItemCommand":
      return [input as Written];
    case "TransactWriteItemsCommand":
      return (input.TransactItems ?? []).flatMap((action) => Object.values(action));
    case "BatchWriteItemCommand":
      return Object.values(input.RequestItems ?? {})
        .flat()
        .map(({ PutRequest }) => ({ Key: PutRequest.Item }));
    default:
      return [];
  }
};

const largest = (counts: ReadonlyMap<string, number>): readonly [string, number] =>
  [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), ["", 0] as [string, number]);

/**
 * Counts what the store's adapter writes: by partition, by item, and by partition of the
 * index of what is due.
 */
export class Writes {
  total = 0;
  readonly partitions = new Map<string, number>();
  readonly items = new Map<string, number>();
  readonly dueShards = new Map<string, number>();
  requests = 0;

  /** From now on the requests of this client are counted. */
  watch({ dynamodb }: Pick<Clients, "dynamodb">): void {
    dynamodb.middlewareStack.add(
      (next, context) => (args) => {
        this.requests += 1;
        for (const written of writtenBy(context.commandName ?? "", args.input as Input)) this.#count(written);
        return next(args);
      },
      { step: "initialize", name: "writes" },
    );
  }

  reset(): void {
    this.total = 0;
    this.requests = 0;
    for (const counts of [this.partitions, this.items, this.dueShards]) counts.clear();
  }

  /**
   * The partition, the item and the shard that took the most, and the share of all
   * writes that it took.
   */
  hottest() {
    const shareOf = (counts: ReadonlyMap<string, number>) => {
      const [name, count] = largest(counts);
      return { name, share: count / [...counts.values()].reduce((sum, one) => sum + one, 0) };
    };
    return { partition: shareOf(this.partitions), item: shareOf(this.items), dueShard: shareOf(this.dueShards) };
  }

  #count({ Key: { pk, sk }, ExpressionAttributeValues }: Written): void {
    this.total += 1;
    const add = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
    add(this.partitions, pk);
    add(this.items, `${pk} ${sk}`);
    const isDue = ExpressionAttributeValues?.[":dueAt"] !== undefined;
    if (isDue) add(this.dueShards, dueShardOf({ partition: pk, sort: sk }).toString());
  }
}
