/** Data of options, as a client sends them. Undefined where they are not what they should be. */

/** Of `INFO` and `GO`. */
export interface WantedInfo {
  readonly name: string;
  readonly kinds: ReadonlySet<number>;
}

/** Of `LIST_META_CONTEXT` and `SET_META_CONTEXT`. */
export interface WantedContexts {
  readonly name: string;
  readonly queries: readonly string[];
}

export const parseInfo = (data: Buffer): WantedInfo | undefined => {
  const fields = new Fields(data);
  const name = fields.text();
  const kinds = new Set<number>();
  for (let left = fields.uint16() ?? 0; left > 0; left--) kinds.add(fields.uint16() ?? 0);
  return name !== undefined && fields.isWhole ? { name, kinds } : undefined;
};

export const parseContexts = (data: Buffer): WantedContexts | undefined => {
  const fields = new Fields(data);
  const name = fields.text();
  const queries: string[] = [];
  const count = fields.uint32() ?? 0;
  for (let at = 0; at < count && !fields.isCut; at++) queries.push(fields.text() ?? "");
  return name !== undefined && fields.isWhole ? { name, queries } : undefined;
};

/** Takes one field after the other. */
class Fields {
  readonly #data: Buffer;
  #at = 0;
  #isCut = false;

  constructor(data: Buffer) {
    this.#data = data;
  }

  /** Something was asked for that isn't there. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** All was asked for that is there, and nothing else. */
  get isWhole(): boolean {
    return !this.#isCut && this.#at === this.#data.length;
  }

  uint16(): number | undefined {
    return this.#take(2)?.readUInt16BE(0);
  }

  uint32(): number | undefined {
    return this.#take(4)?.readUInt32BE(0);
  }

  /** With its length before it. */
  text(): string | undefined {
    return this.#take(this.uint32() ?? 0)?.toString("utf8");
  }

  #take(length: number): Buffer | undefined {
    const end = this.#at + length;
    if (this.#isCut || end > this.#data.length) {
      this.#isCut = true;
      return undefined;
    }
    const taken = this.#data.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
