import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { applyVariant, type VolumeSpec, writeBase } from "../data/variants.ts";
import type { Workload } from "./cases.ts";
import { copySparse } from "./tools.ts";

/**
 * The images of one benchmark, in a folder: each is made when it is needed, and the
 * one before it removed.
 */
export class Images {
  readonly #dir: string;
  readonly #specs: { readonly disk: VolumeSpec; readonly thin: VolumeSpec };
  readonly #hashes = new Map<string, string>();
  #newest: string | undefined;

  constructor(dir: string, specs: { readonly disk: VolumeSpec; readonly thin: VolumeSpec }) {
    this.#dir = dir;
    this.#specs = specs;
  }

  specOf(volume: Workload["volume"]): VolumeSpec {
    return volume === "thin" ? this.#specs.thin : this.#specs.disk;
  }

  /**
   * More than any tool writes and has in memory for it: rsync's first copy has the holes, too.
   * Nobody writes those of the thin volume.
   */
  bytesToWrite({ volume, old }: Workload): number {
    const isWholeCopy = old === null && volume !== "thin";
    return this.#specs.disk.sizeBytes * (isWholeCopy ? 1.25 : 0.25);
  }

  /** The volume before the change. */
  base(volume: Workload["volume"]): string {
    const file = join(this.#dir, volume === "thin" ? "thin.img" : "base.img");
    if (!existsSync(file)) writeBase(file, this.specOf(volume));
    return file;
  }

  /** The volume after the change. Good until another variant is asked for. */
  async of({ volume, variant }: Pick<Workload, "volume" | "variant">): Promise<string> {
    const base = this.base(volume);
    if (variant === "base") return base;
    const file = join(this.#dir, `${variant.replaceAll(/\W/g, "")}.img`);
    if (this.#newest === file) return file;
    if (this.#newest !== undefined) await rm(this.#newest);
    await copySparse(base, file);
    applyVariant(file, this.specOf(volume), variant);
    this.#newest = file;
    return file;
  }

  /** SHA-256 of an image that was asked for, hex; what never changes is read once. */
  async hashOf(file: string): Promise<string> {
    const known = this.#hashes.get(file);
    if (known !== undefined) return known;
    const hash = createHash("sha256");
    const handle = await open(file);
    const stream = handle.createReadStream({ highWaterMark: 1024 * 1024 });
    for await (const piece of stream) hash.update(piece);
    const digest = hash.digest("hex");
    this.#hashes.set(file, digest);
    return digest;
  }
}
