import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, open, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { codeOf } from "../files/error-code.ts";
import { firstThere } from "../files/first-there.ts";
import { privateFile, privateFolder } from "../files/private.ts";
import { blockHash, blockHashBytes, isSame } from "./block-hash.ts";

/*
 * What was read of a cluster that keeps no hashes is not read again: the hashes of each extent that
 * was sent are kept here, and at the target of each that was written and read back, 256 MB for a
 * TiB. A file a mirror has a record an extent: what content the hashes are of, a check of it all,
 * and the hashes. One that is damaged, of another content or not there costs time alone: what it
 * stands for is read then.
 */

interface Place {
  readonly mirror: string;
  readonly geometry: Geometry;
  readonly extent: number;
}

const keptDays = 100;
/** What others need of the file system. */
const freeBytesMin = 2 ** 30;
const suffix = ".hashes";
const ourName = /^[0-9a-f]{64}\.hashes$/;
const othersMayWrite = 0o022;

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
      await this.#assertOurs();
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
    await this.#assertOurs().catch(async (error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error;
      await mkdir(this.#dir, { recursive: true, mode: privateFolder });
      await this.#assertOurs();
    });
    await using file = await open(this.#fileOf(at), constants.O_WRONLY | constants.O_CREAT, privateFile);
    const { bavail, bsize } = await statfs(this.#dir);
    if (bavail * bsize < freeBytesMin) throw tooFull(this.#dir);
    const record = recordOf(at, label, hashes);
    const { bytesWritten } = await file.write(record, 0, record.length, at.extent * record.length);
    if (bytesWritten < record.length) throw new Error(`${this.#dir} has no room`);
  }

  /**
   * Whether something can be kept; nothing is made.
   * @returns how it stands with it @throws what the file system throws
   */
  async look(): Promise<string> {
    const there = await this.#assertOurs().then(
      () => this.#dir,
      (error: unknown) => {
        if (codeOf(error) !== "ENOENT") throw error;
        return firstThere(this.#dir);
      },
    );
    await access(there, constants.W_OK);
    const { bavail, bsize } = await statfs(there);
    if (bavail * bsize < freeBytesMin) throw tooFull(this.#dir);
    return `${there === this.#dir ? "" : "to be made, "}${Math.floor((bavail * bsize) / 2 ** 30)} GiB free`;
  }

  /** Removes the files of mirrors of which nothing was kept for a long time, as far as it can. */
  async tidy(nowMs: number): Promise<void> {
    const names = await readdir(this.#dir).catch(() => []);
    for (const name of names.filter((one) => ourName.test(one))) {
      const path = join(this.#dir, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }));
      if (nowMs - mtimeMs > keptDays * 86_400_000) await rm(path).catch(() => undefined);
    }
  }

  /** Who may write there could say that nothing has changed, or put a link there. */
  async #assertOurs(): Promise<void> {
    const { uid, mode } = await stat(this.#dir);
    const isOurs = uid === process.geteuid?.() && (mode & othersMayWrite) === 0;
    if (!isOurs) throw new Error(`${this.#dir} is another user's, or others may write to it`);
  }

  #fileOf({ mirror, geometry }: Place): string {
    const name = createHash("sha256")
      .update(JSON.stringify([mirror, geometry]))
      .digest("hex");
    return join(this.#dir, `${name}${suffix}`);
  }
}

const tooFull = (dir: string): Error => new Error(`${dir} has less than 1 GiB of room`);

const recordBytesOf = ({ extentBytes }: Geometry): number => (2 + extentBytes / blockBytes) * blockHashBytes;

const recordOf = ({ extent }: Place, label: string, hashes: Uint8Array): Buffer => {
  const name = blockHash(Buffer.from(`${extent} ${label}`));
  return Buffer.concat([name, blockHash(Buffer.concat([name, hashes])), hashes]);
};
