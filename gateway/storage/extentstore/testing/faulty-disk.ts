import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { type Disk, systemDisk } from "../data/disk.ts";

/** What a disk can be told to fail. */
export type Fault = "create" | "open" | "write" | "sync" | "syncFolder" | "close" | "remove";

interface Written {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  state: "cached" | "durable" | "lost";
}

/** An error as Node throws it. */
export const systemError = (code: string, call: string): Error =>
  Object.assign(new Error(`${code}: told to by a test, ${call}`), { code, syscall: call });

/**
 * The system's disk behind a kernel that forgets what it failed to write, as Linux does: a sync
 * that fails loses what was written since the last one, later syncs succeed without it, and after
 * `powerCut` it is not there. By default it is still in the page cache until then; with `forgetful`
 * it is not.
 */
export class FaultyDisk implements Disk {
  freeBytes = systemDisk.freeBytes;
  /** Asked at each call: the error that it ends with, if any. */
  fails: (call: Fault, path: string) => Error | undefined = () => undefined;
  /**
   * Called before each sync of a file, which waits for it. @throws what the sync is to fail with
   */
  beforeSync: (path: string) => Promise<void> = async () => undefined;
  forgetful = false;
  readonly #written: Written[] = [];
  readonly #paths = new Map<number, string>();
  /** Files of which a sync has failed. */
  readonly failed = new Set<string>();
  /** Files that were made and closed. */
  readonly closed: string[] = [];

  create(path: string): number {
    this.#failAt("create", path);
    const fd = systemDisk.create(path);
    this.#paths.set(fd, path);
    return fd;
  }

  open(path: string): number {
    this.#failAt("open", path);
    return systemDisk.open(path);
  }

  remove(path: string): void {
    this.#failAt("remove", path);
    systemDisk.remove(path);
  }

  close(fd: number): void {
    const path = this.#paths.get(fd);
    if (path !== undefined) this.closed.push(path);
    this.#paths.delete(fd);
    systemDisk.close(fd);
    // As Linux does it: the descriptor is gone, whatever is said of it.
    this.#failAt("close", path ?? "");
  }

  read(fd: number, into: Uint8Array, offset: number): number {
    const bytes = systemDisk.read(fd, into, offset);
    const path = this.#paths.get(fd);
    const forgotten = this.#written.filter((one) => this.forgetful && one.state === "lost" && one.path === path);
    for (const { offset: from, length } of forgotten) {
      const [start, end] = [Math.max(0, from - offset), Math.min(into.byteLength, from + length - offset)];
      if (start < end) into.fill(0, start, end);
    }
    return bytes;
  }

  write(fd: number, bytes: Uint8Array, offset: number): number {
    const path = this.#pathOf(fd);
    this.#failAt("write", path);
    // Not all at once, as it may be.
    const length = systemDisk.write(fd, bytes.subarray(0, Math.ceil(bytes.byteLength / 2)), offset);
    this.#written.push({ path, offset, length, state: "cached" });
    return length;
  }

  async sync(fd: number): Promise<void> {
    const path = this.#pathOf(fd);
    const cached = this.#written.filter((one) => one.path === path && one.state === "cached");
    assert(!this.failed.has(path), `${path} is synced again after it failed: that proves nothing`);
    try {
      await this.beforeSync(path);
      this.#failAt("sync", path);
      for (const one of cached) one.state = "durable";
    } catch (error) {
      this.failed.add(path);
      for (const one of cached) one.state = "lost";
      throw error;
    }
  }

  syncFolder(path: string): void {
    this.#failAt("syncFolder", path);
  }

  /** What was not made durable is not there any more. Call it when the store is closed. */
  powerCut(): void {
    for (const { path, offset, length, state } of this.#written.splice(0)) {
      if (state === "durable" || !existsSync(path)) continue;
      const fd = openSync(path, "r+");
      writeSync(fd, Buffer.alloc(length), 0, length, offset);
      closeSync(fd);
    }
    this.#paths.clear();
    this.failed.clear();
  }

  #pathOf(fd: number): string {
    const path = this.#paths.get(fd);
    assert(path !== undefined, `the descriptor ${fd} is nobody's`);
    return path;
  }

  #failAt(call: Fault, path: string): void {
    const error = this.fails(call, path);
    if (error !== undefined) throw error;
  }
}
