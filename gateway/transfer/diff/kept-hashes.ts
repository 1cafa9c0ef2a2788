import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { codeOf } from "../../files/error-code.ts";
import { privateFile, privateFolder } from "../../files/private.ts";
import { blockHash, blockHashBytes, isSame } from "../../storage/block-hash.ts";

/*
 * What was read of a cluster that keeps no hashes is not read again to be compared with: the hashes
 * of each extent that was sent are kept here, 256 MB for a TiB. A file a mirror has a record an
 * extent: what content the hashes are of, a check of it all, and the hashes. One that is damaged,
 * of another content or not there costs time alone: the base is read then.
 */

/** An extent of the snapshot that is sent and of its base, as somebody names their contents. */
export interface ExtentLabels {
  /** One for each mirror: whatever names it in a line. */
  readonly mirror: string;
  /** Content that is labelled alike, at the same place of one mirror, is the same. */
  readonly now: string;
  readonly base: string | null;
}

interface Place {
  readonly mirror: string;
  readonly geometry: Geometry;
  readonly extent: number;
}

const keptDays = 100;
/** What others need of the file system. */
const freeBytesMin = 2 ** 30;
const suffix = ".hashes";

export class KeptHashes {
  readonly #dir: string;

  /** @param dir made, private, when there is something to keep */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @returns undefined where those of that content are not known, or can't be read */
  async find(at: Place, label: string): Promise<Buffer | undefined> {
    const record = Buffer.allocUnsafe(recordBytesOf(at.geometry));
    try {
      await using file = await open(this.#fileOf(at), "r");
      const { bytesRead } = await file.read(record, 0, record.length, at.extent * record.length);
      if (bytesRead < record.length) return undefined;
    } catch {
      return undefined;
    }
    const hashes = record.subarray(2 * blockHashBytes);
    return isSame(record, recordOf(at, label, hashes)) ? hashes : undefined;
  }

  /** @throws what the file system throws, and where it has little room */
  async keep(at: Place, label: string, hashes: Uint8Array): Promise<void> {
    await using file = await openToWrite(this.#fileOf(at));
    const { bavail, bsize } = await statfs(this.#dir);
    if (bavail * bsize < freeBytesMin) throw new Error(`${this.#dir} has less than 1 GiB of room`);
    const record = recordOf(at, label, hashes);
    await file.write(record, 0, record.length, at.extent * record.length);
  }

  /** Removes the files of mirrors of which nothing was sent for a long time. */
  async tidy(nowMs: number): Promise<void> {
    const names = await readdir(this.#dir).catch(() => []);
    for (const name of names.filter((one) => one.endsWith(suffix))) {
      const path = join(this.#dir, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }));
      if (nowMs - mtimeMs > keptDays * 86_400_000) await rm(path, { force: true });
    }
  }

  #fileOf({ mirror, geometry }: Place): string {
    const name = createHash("sha256")
      .update(JSON.stringify([mirror, geometry]))
      .digest("hex");
    return join(this.#dir, `${name}${suffix}`);
  }
}

const openToWrite = async (path: string): Promise<FileHandle> => {
  const opened = () => open(path, constants.O_WRONLY | constants.O_CREAT, privateFile);
  try {
    return await opened();
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true, mode: privateFolder });
    return opened();
  }
};

const recordBytesOf = ({ extentBytes }: Geometry): number => (2 + extentBytes / blockBytes) * blockHashBytes;

const recordOf = ({ extent }: Place, label: string, hashes: Uint8Array): Buffer => {
  const name = blockHash(Buffer.from(`${extent} ${label}`));
  return Buffer.concat([name, blockHash(Buffer.concat([name, hashes])), hashes]);
};
