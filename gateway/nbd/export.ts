/** A disk that clients may read, and write where it has `write`. */
export interface NbdExport {
  /** What clients ask for. The first export is also the default one, whose name is empty. */
  readonly name: string;
  /** For people, in what a client lists. */
  readonly description?: string | undefined;
  readonly sizeBytes: number;
  /**
   * Fills `into` from `offset`; never past the size. Many calls may be under way at once.
   * @throws VisibleError: STORE_CORRUPT naming where the bytes are wrong, or any other
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  /**
   * What lies from `offset` on, in order and without gaps; `length` bytes of it, or fewer where
   * finding out more would take long, but never nothing.
   */
  extents(offset: number, length: number): Promise<readonly NbdExtent[]>;
  /** Missing where it is read-only. */
  readonly write?: NbdWriter | undefined;
}

/** A stretch of an export. What is no hole may be zeros all the same. */
export interface NbdExtent {
  readonly length: number;
  /** Nothing is stored there: it reads as zeros. */
  readonly isHole: boolean;
}

export interface NbdWriter {
  /** `data` is good until the promise resolves. @throws VisibleError STORE_FULL, or any other */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Makes a range read as zeros. @throws as `write` */
  zero(offset: number, length: number): Promise<void>;
  /** What was written is durable, as far as the export is. */
  flush(): Promise<void>;
}
