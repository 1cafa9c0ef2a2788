/** An item, or an attribute of one, as the document client of the SDK takes and gives it. */
export type Raw = Readonly<Record<string, unknown>>;

/** Capacity units of DynamoDB: of 1 KB written, of 4 KB read strongly consistently. */
export interface Units {
  readonly write: number;
  readonly read: number;
}

/**
 * A byte for two digits before the point and two behind it, of those from the first to the
 * last that is not 0; one for a minus, and one more. So it was measured; the documentation
 * says "approximately".
 */
const numberBytes = (value: number): number => {
  const [whole = "", fraction = ""] = Math.abs(value).toString().split(".");
  const before = fraction === "" ? whole.replace(/0+$/, "") : whole.replace(/^0$/, "");
  const behind = before === "" ? fraction.replace(/^0+/, "") : fraction;
  return 1 + Math.ceil(before.length / 2) + Math.ceil(behind.length / 2) + (value < 0 ? 1 : 0);
};

const valueBytes = (value: unknown): number => {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (typeof value === "number") return numberBytes(value);
  if (typeof value !== "object" || value === null) return 1;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + valueBytes(one) + 1, 3);
  return 3 + itemBytes(value as Raw) + Object.keys(value).length;
};

/**
 * The size of an item: names and values of its attributes
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html).
 */
export const itemBytes = (item: Raw): number => {
  let bytes = 0;
  for (const name of Object.keys(item)) bytes += Buffer.byteLength(name) + valueBytes(item[name]);
  return bytes;
};

/**
 * Write units of an item by its bytes: of what was there or of what is there now,
 * whichever is larger.
 */
export const writeUnits = (...bytes: readonly number[]): number => Math.max(1, Math.ceil(Math.max(...bytes) / 1024));

/**
 * Read units of a request by the bytes of all that it looks at. Nothing found costs as much
 * as the smallest item.
 */
export const readUnits = (bytes: number, isConsistent: boolean): number =>
  Math.max(1, Math.ceil(bytes / 4096)) * (isConsistent ? 1 : 0.5);

/** Twice for each item in a transaction; once for each entry of an index, inside one or not. */
export const transactionFactor = 2;

/** What requests consumed, in all and of each partition. */
export class Capacity {
  write = 0;
  /** What of `write` the index took. */
  indexWrite = 0;
  read = 0;
  readonly partitions = new Map<string, Units>();
  /** By the request that was the last one. */
  last = new Map<string, Units>();

  begin(): void {
    this.last = new Map();
  }

  /** Of the table, by partition key, or of the index. */
  take(place: "table" | "index", partition: string | number, { write = 0, read = 0 }: Partial<Units>): void {
    this.write += write;
    this.read += read;
    if (place === "index") this.indexWrite += write;
    for (const counts of [this.partitions, this.last]) {
      const name = `${place} ${partition}`;
      const before = counts.get(name);
      counts.set(name, { write: (before?.write ?? 0) + write, read: (before?.read ?? 0) + read });
    }
  }
}
