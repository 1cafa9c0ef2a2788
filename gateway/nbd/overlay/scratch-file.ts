import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import { asDiskError } from "../../files/disk-errors.ts";
import { privateFile } from "../../files/private.ts";

const nameForm = /^\.overlay-[0-9a-f]{16}$/;

/**
 * A file that nobody else can open: it loses its name as soon as it is there, and ends with its
 * process. Reads and writes are synchronous, so that they come in the order of what they are for.
 */
export class ScratchFile {
  readonly #folder: string;
  readonly #fd: number;

  /** @param folder one that is this user's alone @throws VisibleError STORE_FULL, DISK_FAILED */
  constructor(folder: string) {
    this.#folder = folder;
    const path = join(folder, `.overlay-${randomBytes(8).toString("hex")}`);
    try {
      removeLeft(folder);
      this.#fd = openSync(path, "wx+", privateFile);
    } catch (error) {
      throw asDiskError(folder, error);
    }
    rmSync(path, { force: true });
  }

  /** Fills `into`. @throws VisibleError DISK_FAILED */
  read(offset: number, into: Uint8Array): void {
    this.#all(into, (part, done) => readSync(this.#fd, part, 0, part.length, offset + done));
  }

  /** @throws VisibleError STORE_FULL, DISK_FAILED */
  write(offset: number, data: Uint8Array): void {
    this.#all(data, (part, done) => writeSync(this.#fd, part, 0, part.length, offset + done));
  }

  /** What it takes on the disk. */
  get storedBytes(): number {
    return fstatSync(this.#fd).blocks * 512;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #all(bytes: Uint8Array, move: (part: Uint8Array, done: number) => number): void {
    for (let done = 0; done < bytes.length; ) {
      const moved = this.#failing(() => move(bytes.subarray(done), done));
      if (moved === 0) throw new VisibleError("DISK_FAILED", `The overlay in ${this.#folder} ends before its end.`);
      done += moved;
    }
  }

  #failing(move: () => number): number {
    try {
      return move();
    } catch (error) {
      throw asDiskError(this.#folder, error);
    }
  }
}

/** What a process has left that died between making a file and taking its name. */
const removeLeft = (folder: string): void => {
  for (const name of readdirSync(folder)) if (nameForm.test(name)) rmSync(join(folder, name), { force: true });
};
