import type { Progress } from "../../core/api/run.ts";
import { RecentRate } from "./recent-rate.ts";
import type { Part } from "./threads/job-port.ts";

const everyMs = 250;

type Counts = Partial<
  Pick<Progress, "extentsDone" | "extentsUnchanged" | "extentsHole" | "bytesRead" | "bytesChanged" | "bytesSent">
>;

/** Counts, and tells about it, at most every 250 ms, and at once when the phase changes. */
export class ProgressCounter {
  readonly #tell: (progress: Progress) => void;
  readonly #nowMs: () => number;
  readonly #extentBytes: number;
  readonly #rate = new RecentRate();
  readonly #underWay = new Map<number, Part>();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #extentsToDo: number | undefined;
  #finished = { extents: 0, bytes: 0 };
  #now: Progress;

  constructor(options: {
    readonly extentsTotal: number;
    readonly bytesTotal: number;
    readonly extentBytes: number;
    readonly tell: (progress: Progress) => void;
    readonly nowMs: () => number;
  }) {
    const { extentsTotal, bytesTotal, extentBytes } = options;
    this.#tell = options.tell;
    this.#nowMs = options.nowMs;
    this.#extentBytes = extentBytes;
    this.#now = {
      phase: "comparing",
      extentsTotal,
      extentsDone: 0,
      extentsUnchanged: 0,
      extentsHole: 0,
      bytesTotal,
      bytesRead: 0,
      bytesChanged: 0,
      bytesSent: 0,
    };
  }

  get progress(): Progress {
    return this.#now;
  }

  add(counts: Counts): void {
    const next: Record<string, unknown> = { ...this.#now };
    for (const [name, count] of Object.entries(counts)) next[name] = (next[name] as number) + count;
    this.#now = next as Progress;
    this.#moved();
  }

  /** So many extents more have to be looked at. */
  addToDo(extents: number): void {
    this.#extentsToDo = (this.#extentsToDo ?? 0) + extents;
    this.#moved();
  }

  /** Of an extent that has to be looked at so many bytes are dealt with. */
  reach(extent: number, part: Part): void {
    this.#underWay.set(extent, part);
    this.#moved();
  }

  /** An extent that had to be looked at is dealt with; so much of it was to be read. */
  finish(extent: number, bytes: number): void {
    this.#underWay.delete(extent);
    this.#finished = { extents: this.#finished.extents + 1, bytes: this.#finished.bytes + bytes };
  }

  enter(phase: Progress["phase"]): void {
    if (this.#now.phase === phase) return;
    this.#now = { ...this.#now, phase };
    this.#say();
  }

  #moved(): void {
    if (this.#nowMs() - this.#toldAtMs >= everyMs) this.#say();
  }

  #say(): void {
    this.#toldAtMs = this.#nowMs();
    if (this.#extentsToDo !== undefined) this.#now = this.#withWork(this.#extentsToDo);
    this.#tell(this.#now);
  }

  #withWork(extentsToDo: number): Progress {
    const underWay = [...this.#underWay.values()];
    const bytesDone = sum(underWay.map(({ done }) => done)) + this.#finished.bytes;
    const begun = {
      extents: this.#finished.extents + underWay.length,
      bytes: sum(underWay.map(({ of }) => of)) + this.#finished.bytes,
    };
    // Of those that nobody has looked into yet as much is to be read as of the others.
    const each = begun.extents === 0 ? this.#extentBytes : begun.bytes / begun.extents;
    const ahead = Math.max(0, extentsToDo - begun.extents) * each;
    const { rate: _, ...counts } = this.#now;
    const bytesToDo = Math.round(begun.bytes + ahead);
    const rate = this.#rate.at({ atMs: this.#toldAtMs, doneBytes: bytesDone, sentBytes: counts.bytesSent });
    return { ...counts, bytesToDo, bytesDone, ...(rate && { rate }) };
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
