import { VisibleError } from "../../../../core/api/errors.ts";
import { jsonIn } from "../../../../core/api/json.ts";

/** What stands around a table's rows has longer objects than they are. */
const objectBytesMax = 64 * 1024;
const [quote, backslash, open, close] = [0x22, 0x5c, 0x7b, 0x7d];

/** Fields of an object by their names in small letters, without what is none: `logicalid`. */
export type PrintedFields = ReadonlyMap<string, unknown>;

/**
 * Takes the innermost objects out of JSON that a cluster prints, as it comes: tens of megabytes for
 * the table of a large volume. Which document they are in, or how many documents there are, does
 * not matter, nor how a version writes the names of fields.
 */
export class PrintedObjects {
  readonly #take: (fields: PrintedFields) => void;
  /** The beginning of an object that has not ended yet. */
  #carried: Buffer[] = [];
  #carriedBytes = 0;
  #isInString = false;
  #isEscaped = false;
  /** Whether an object is open that no other one is open in. */
  #isOpen = false;

  constructor(take: (fields: PrintedFields) => void) {
    this.#take = take;
  }

  /** @throws CLUSTER_TASK_FAILED, what `take` throws */
  push(chunk: Buffer): void {
    let from = 0;
    // Tens of millions of bytes pass here: what changes with each is not kept in the object.
    let [isInString, isEscaped] = [this.#isInString, this.#isEscaped];
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isInString = false;
      } else if (byte === quote) {
        isInString = true;
      } else if (byte === open) {
        this.#drop();
        this.#isOpen = true;
        from = at;
      } else if (byte === close && this.#isOpen) {
        this.#carry(chunk.subarray(from, at + 1));
        this.#take(fieldsOf(Buffer.concat(this.#carried).toString("utf8")));
        this.#drop();
        this.#isOpen = false;
      }
    }
    [this.#isInString, this.#isEscaped] = [isInString, isEscaped];
    if (this.#isOpen) this.#carry(chunk.subarray(from));
  }

  /** @throws CLUSTER_TASK_FAILED where it ends in the middle */
  end(): void {
    if (this.#isOpen || this.#isInString) throw notUnderstood("it ends in the middle");
  }

  #drop(): void {
    this.#carried = [];
    this.#carriedBytes = 0;
  }

  #carry(part: Buffer): void {
    this.#carried.push(part);
    this.#carriedBytes += part.length;
    if (this.#carriedBytes > objectBytesMax) throw notUnderstood("an object of it is too long");
  }
}

/** All objects of a short text. @throws CLUSTER_TASK_FAILED */
export const printedObjects = (text: string): readonly PrintedFields[] => {
  const found: PrintedFields[] = [];
  const objects = new PrintedObjects((fields) => found.push(fields));
  objects.push(Buffer.from(text));
  objects.end();
  return found;
};

/** The first of these fields that there is. */
export const fieldOf = (fields: PrintedFields, names: readonly string[]): unknown =>
  names.map((name) => fields.get(name)).find((value) => value !== undefined);

/** The same where it is a text. */
export const textOf = (fields: PrintedFields, names: readonly string[]): string | undefined => {
  const value = fieldOf(fields, names);
  return typeof value === "string" && value !== "" ? value : undefined;
};

const fieldsOf = (json: string): PrintedFields => {
  const value = jsonIn(json);
  if (typeof value !== "object" || value === null) throw notUnderstood("it is no JSON");
  const fields = new Map<string, unknown>();
  for (const [name, field] of Object.entries(value)) fields.set(plainName(name), field);
  return fields;
};

const plainNamesMax = 200;
/** Rows have the same few names again and again. */
const plainNames = new Map<string, string>();

const plainName = (name: string): string => {
  const known = plainNames.get(name);
  if (known !== undefined) return known;
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  if (plainNames.size < plainNamesMax) plainNames.set(name, plain);
  return plain;
};

/** A version of the cluster that this one does not know. */
export const notUnderstood = (why: string): VisibleError =>
  new VisibleError("CLUSTER_TASK_FAILED", `A node prints something in a form that is not known: ${why}.`, {
    hint: "Report it with what the command prints. Until then, leave storage.ssh out: every extent is compared.",
    retryable: false,
  });
