import { extentsMax } from "../../../../core/api/object/volume-shape.ts";
import { fieldOf, notUnderstood, type PrintedFields, PrintedObjects } from "./printed.ts";

/**
 * One entry of a volume's table, or of a snapshot's. The pair of id and epoch names a content for
 * ever; an id alone is used again.
 */
export interface ExtentEntry {
  readonly id: string;
  readonly epoch: string;
  /** The id of what it reads through to while it does not exist itself. */
  readonly origin: string | undefined;
  readonly everExist: boolean;
}

/**
 * Takes the rows out of what a cluster prints of an extent table, as it comes. A row is an object
 * that has an id and an epoch.
 */
export class ExtentRows {
  readonly #rows: ExtentEntry[] = [];
  readonly #objects = new PrintedObjects((fields) => {
    const row = entryOf(fields);
    if (row === undefined) return;
    if (this.#rows.length >= extentsMax) throw notUnderstood(`a table has more than ${extentsMax} rows`);
    this.#rows.push(row);
  });

  /** @throws CLUSTER_TASK_FAILED */
  push(chunk: Buffer): void {
    this.#objects.push(chunk);
  }

  /** @throws CLUSTER_TASK_FAILED where it ends in the middle, or has no row */
  end(): readonly ExtentEntry[] {
    this.#objects.end();
    if (this.#rows.length === 0) throw notUnderstood("a table has no row");
    return this.#rows;
  }
}

/** Versions print `lid`, `Logical ID` or `id`, and the like. */
const names = {
  id: ["lextentid", "logicalid", "lid", "id"],
  epoch: ["lepoch", "logicalepoch", "epoch"],
  everExist: ["everexist"],
  origin: ["originlextent", "originlogicalid", "originlid", "originid", "origin"],
} as const;

/** Undefined where an object is no row. */
const entryOf = (fields: PrintedFields): ExtentEntry | undefined => {
  const field = (of: keyof typeof names): unknown => fieldOf(fields, names[of]);
  const [id, epoch, everExist] = [field("id"), field("epoch"), field("everExist")];
  if (id === undefined || epoch === undefined) return undefined;
  if (everExist === undefined) throw notUnderstood("a table's rows do not say what ever existed");
  const origin = wholeNumber(field("origin") ?? 0);
  return {
    ...{ id: wholeNumber(id), epoch: wholeNumber(epoch) },
    everExist: truth(everExist),
    origin: origin === "0" ? undefined : origin,
  };
};

/** As text, for an epoch may be larger than a number can be exactly. */
const wholeNumber = (value: unknown): string => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return String(value);
  if (typeof value === "string" && /^\d{1,20}$/.test(value)) return value.replace(/^0+(?=\d)/, "");
  if (value === null || value === "" || value === "None") return "0";
  throw notUnderstood("an id or an epoch is no whole number");
};

const truth = (value: unknown): boolean => {
  if (value === true || value === "True" || value === "true") return true;
  if (value === false || value === "False" || value === "false") return false;
  throw notUnderstood("a row says neither that it ever existed nor that it did not");
};
