/** What a record of the log says of the database. */
export interface Changes {
  /** Of SQLite's; made one after the other. */
  readonly changesets: readonly Uint8Array[];
  /** AUTOINCREMENT counters, which no changeset has, by table. */
  readonly counters: Readonly<Record<string, number>>;
}

export const isNothing = ({ changesets, counters }: Changes): boolean =>
  changesets.every(({ byteLength }) => byteLength === 0) && Object.keys(counters).length === 0;

/** A length, then JSON of so many bytes, then the changesets. */
export const encodeChanges = ({ changesets, counters }: Changes): Uint8Array => {
  const text = Buffer.from(JSON.stringify({ counters, bytes: changesets.map(({ byteLength }) => byteLength) }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, ...changesets]);
};

export const decodeChanges = (payload: Uint8Array): Changes => {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  let offset = 4 + bytes.readUInt32LE(0);
  const told = JSON.parse(bytes.toString("utf8", 4, offset)) as { counters: Record<string, number>; bytes: number[] };
  const changesets = told.bytes.map((length) => {
    offset += length;
    return bytes.subarray(offset - length, offset);
  });
  return { changesets, counters: told.counters };
};
