import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { allocatedBytes, contentGroups, createSparse, fillHoles, growSparse, replaceContent } from "./content.ts";
import { ExtentIds, type ExtentRow, extentHashes, type Striping, wholeGroups } from "./extent-table.ts";

/** A LUN, a virtual volume, a file, or a snapshot of one: ZBS makes no difference. */
export interface ZbsVolume {
  readonly id: string;
  /** The sparse file that holds it. Whoever serves it to others writes it there. */
  readonly path: string;
  readonly striping: Striping;
  readonly isSnapshot: boolean;
  /** Which volume it was taken of, by its id. */
  readonly snapshotOf?: string;
  /** Of a snapshot that the command line made. */
  name?: string;
  sizeBytes: number;
  rows: readonly ExtentRow[];
}

export interface ZbsBehaviour {
  /** Whether a clone has the ids and epochs of what it was cloned from. */
  keepsIdsInClones: boolean;
  /** Whether a clone shares what it was cloned from, and is there at once; else it is a copy. */
  clonesShare: boolean;
  /** Whether a clone says that it has nothing where its snapshot has nothing; else it has zeros. */
  tellsHoles: boolean;
  /** Whether one write marks one row, and not its neighbours in the group as well. */
  marksOneRow: boolean;
}

/** The storage of one cluster, in a folder of its own. Every call is done when it returns. */
export class Zbs {
  readonly #behaviour: ZbsBehaviour;
  readonly #dir: string;
  readonly #whileStill: <T>(work: () => T) => T;
  readonly #volumes = new Map<string, ZbsVolume>();
  readonly #ids = new ExtentIds();
  #copyingMs = 0;

  /** @param options.whileStill runs what it is given while nobody else writes any volume */
  constructor(options: {
    readonly dir: string;
    readonly behaviour: ZbsBehaviour;
    readonly whileStill: <T>(work: () => T) => T;
  }) {
    const { dir } = options;
    this.#dir = dir;
    this.#behaviour = options.behaviour;
    this.#whileStill = options.whileStill;
    mkdirSync(dir, { recursive: true });
  }

  /** So long it has compared and copied contents, where a cluster only notes what shares what. */
  get copyingMs(): number {
    return this.#copyingMs;
  }

  find(id: string): ZbsVolume | undefined {
    return this.#volumes.get(id);
  }

  all(): readonly ZbsVolume[] {
    return [...this.#volumes.values()];
  }

  /** Of what no other volume or snapshot shares. */
  uniqueBytes({ rows, striping, path }: ZbsVolume): number {
    // Nobody has looked yet at what was written to it.
    if (rows.every(({ everExist, origin }) => !everExist && origin === 0)) return allocatedBytes(path);
    return rows.filter((row) => row.everExist && this.#ids.isOnly(row)).length * striping.extentBytes;
  }

  /** What all of it takes on disk. */
  usedBytes(): number {
    return this.all().reduce((sum, { path }) => sum + allocatedBytes(path), 0);
  }

  create(sizeBytes: number, striping: Striping): ZbsVolume {
    const wholeBytes = wholeGroups(striping, sizeBytes);
    const rows = Array.from({ length: wholeBytes / striping.extentBytes }, () => this.#ids.unwritten());
    const volume = this.#add({ sizeBytes: wholeBytes, striping, isSnapshot: false, rows });
    createSparse(volume.path, wholeBytes);
    return volume;
  }

  /** Snapshots of any volumes, at one instant. */
  snapshot(volumes: readonly ZbsVolume[]): readonly ZbsVolume[] {
    return this.#whileStill(() =>
      volumes.map((volume) => {
        this.#look(volume);
        return this.#copy(volume, { isSnapshot: true, rows: volume.rows, snapshotOf: volume.id });
      }),
    );
  }

  clone(snapshot: ZbsVolume): ZbsVolume {
    const clone = this.#clone(snapshot);
    if (!this.#behaviour.tellsHoles) fillHoles(clone.path);
    return clone;
  }

  #clone(snapshot: ZbsVolume): ZbsVolume {
    const { keepsIdsInClones, clonesShare } = this.#behaviour;
    if (keepsIdsInClones && clonesShare) return this.#copy(snapshot, { isSnapshot: false, rows: snapshot.rows });
    const rows = snapshot.rows.map((row) => {
      if (!row.everExist && row.origin === 0) return this.#ids.unwritten();
      return clonesShare ? this.#ids.readThrough(row) : this.#ids.copied(row);
    });
    const clone = this.#copy(snapshot, { isSnapshot: false, rows });
    this.#ids.giveBack(rows); // Copying has counted them once more.
    return clone;
  }

  /** A volume becomes what a snapshot is, of itself or another one. */
  rollback(volume: ZbsVolume, snapshot: ZbsVolume): void {
    this.#whileStill(() => {
      this.#ids.share(snapshot.rows);
      this.#ids.giveBack(volume.rows);
      volume.rows = snapshot.rows;
      volume.sizeBytes = snapshot.sizeBytes;
      const begunMs = performance.now();
      replaceContent(volume.path, snapshot.path, snapshot.sizeBytes);
      this.#copyingMs += performance.now() - begunMs;
    });
  }

  /** A volume gets the content of another one, as if it were written. */
  overwrite(volume: ZbsVolume, from: ZbsVolume): void {
    this.#whileStill(() => replaceContent(volume.path, from.path, from.sizeBytes));
  }

  grow(volume: ZbsVolume, sizeBytes: number): void {
    const wholeBytes = wholeGroups(volume.striping, sizeBytes);
    assert(wholeBytes >= volume.sizeBytes, "a volume never shrinks");
    const more = (wholeBytes - volume.sizeBytes) / volume.striping.extentBytes;
    volume.rows = [...volume.rows, ...Array.from({ length: more }, () => this.#ids.unwritten())];
    volume.sizeBytes = wholeBytes;
    growSparse(volume.path, wholeBytes);
  }

  delete(volume: ZbsVolume): void {
    if (!this.#volumes.delete(volume.id)) return;
    this.#ids.giveBack(volume.rows);
    const begunMs = performance.now();
    rmSync(volume.path, { force: true });
    this.#copyingMs += performance.now() - begunMs;
  }

  /** Its table as it is now: what was written since it was last looked at has new pairs. */
  table(volume: ZbsVolume): readonly ExtentRow[] {
    if (!volume.isSnapshot) this.#whileStill(() => this.#look(volume));
    return volume.rows;
  }

  /** What was written since the last look gets new names, which only a snapshot makes necessary. */
  #look(volume: ZbsVolume): void {
    const begunMs = performance.now();
    const { striping } = volume;
    const rows = [...volume.rows];
    let at = 0;
    for (const group of contentGroups(volume.path, striping.extentBytes * striping.stripeCount)) {
      const hashes = extentHashes(striping, group);
      const isAnyWritten = hashes.some((hash, i) => rows[at + i]?.hash !== hash);
      for (const hash of hashes) {
        const before = rows[at];
        assert(before !== undefined);
        const isMarked = before.hash !== hash || (isAnyWritten && !this.#behaviour.marksOneRow);
        if (isMarked) rows[at] = this.#ids.written(before, hash);
        at += 1;
      }
    }
    const replaced = volume.rows.filter((row, i) => row !== rows[i]);
    volume.rows = rows;
    this.#ids.giveBack(replaced);
    this.#copyingMs += performance.now() - begunMs;
  }

  #copy(from: ZbsVolume, as: Pick<ZbsVolume, "isSnapshot" | "rows" | "snapshotOf">): ZbsVolume {
    const { sizeBytes, striping } = from;
    const copy = this.#add({ sizeBytes, striping, ...as });
    this.#ids.share(copy.rows);
    const begunMs = performance.now();
    replaceContent(copy.path, from.path, sizeBytes);
    this.#copyingMs += performance.now() - begunMs;
    return copy;
  }

  #add(volume: Omit<ZbsVolume, "id" | "path">): ZbsVolume {
    const id = randomUUID();
    const added = { ...volume, id, path: join(this.#dir, id) };
    this.#volumes.set(id, added);
    return added;
  }
}
