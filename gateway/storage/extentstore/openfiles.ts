import type { Database } from "./database.ts";
import { DataFileWriter } from "./datafile.ts";

/** A data file takes no new writes beyond this; what is being written to it may still be finished there. */
const dataFileBytesMax = 256 * 1024 * 1024;

interface Open {
  readonly file: DataFileWriter;
  readonly volumeId: string;
  users: number;
  retired: boolean;
}

/**
 * The data files that this driver is appending to: one a volume at a time, so that what lies together is deleted together.
 * A file is taken by whoever has writes that aren't committed yet, and is given up once it is full and nobody has.
 */
export class OpenDataFiles {
  readonly #database: Database;
  readonly #dataDir: string;
  readonly #writerId: string;
  readonly #current = new Map<string, Open>();
  readonly #byFile = new Map<DataFileWriter, Open>();

  constructor(options: { database: Database; dataDir: string; writerId: string }) {
    this.#database = options.database;
    this.#dataDir = options.dataDir;
    this.#writerId = options.writerId;
  }

  /** The file to append a volume's blocks to, until `release`. */
  acquire(volumeId: string): DataFileWriter {
    const open = this.#current.get(volumeId) ?? this.#begin(volumeId);
    open.users++;
    return open.file;
  }

  /** What was appended since `acquire` is committed or given up. @returns whether the file was full and is closed now */
  release(file: DataFileWriter): boolean {
    const open = this.#byFile.get(file);
    if (open === undefined) return false;
    open.users--;
    if (file.sizeBytes >= dataFileBytesMax) this.#retire(open);
    return this.#sealWhenUnused(open);
  }

  /** Nothing more will be written for the volume for now. */
  retire(volumeId: string): void {
    const open = this.#current.get(volumeId);
    if (open === undefined) return;
    this.#retire(open);
    this.#sealWhenUnused(open);
  }

  /** Makes a file for other blocks than a volume's own; it is `release`d like the others. */
  acquireSeparate(): DataFileWriter {
    const open = this.#begin("");
    this.#retire(open);
    open.users++;
    return open.file;
  }

  close(): void {
    for (const open of this.#byFile.values()) open.file.close();
    this.#byFile.clear();
    this.#current.clear();
  }

  #begin(volumeId: string): Open {
    const id = this.#database.transaction(
      () => this.#database.run("INSERT INTO files (writer) VALUES (?)", this.#writerId).lastId,
    );
    const open = { file: new DataFileWriter(this.#dataDir, id), volumeId, users: 0, retired: false };
    this.#current.set(volumeId, open);
    this.#byFile.set(open.file, open);
    return open;
  }

  #retire(open: Open): void {
    open.retired = true;
    if (this.#current.get(open.volumeId) === open) this.#current.delete(open.volumeId);
  }

  /** The collector looks at every file once when its writer is through: not everything in it need have been committed. */
  #sealWhenUnused(open: Open): boolean {
    if (!open.retired || open.users > 0) return false;
    this.#byFile.delete(open.file);
    open.file.close();
    this.#database.transaction(() =>
      this.#database.run("UPDATE files SET writer = NULL, suspect = 1 WHERE id = ?", open.file.id),
    );
    return true;
  }
}
