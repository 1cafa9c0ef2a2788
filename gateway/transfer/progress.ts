import type { Progress } from "../../core/api/run.ts";
import { RecentRate } from "./recent-rate.ts";

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
  /** How far each extent under way is, from 0 to 1. */
  readonly #parts = new Map<number, number>();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #extentsToDo: number | undefined;
  #extentsFinished = 0;
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

  /** An extent that has to be looked at is dealt with in part. */
  reach(extent: number, part: number): void {
    this.#parts.set(extent, part);
    this.#moved();
  }

  /** An extent that had to be looked at is dealt with. */
  finish(extent: number): void {
    this.#parts.delete(extent);
    this.#extentsFinished++;
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
    const underWay = [...this.#parts.values()].reduce((sum, part) => sum + part, 0);
    const bytesDone = Math.floor((this.#extentsFinished + underWay) * this.#extentBytes);
    const { rate: _, ...counts } = this.#now;
    const rate = this.#rate.at({ atMs: this.#toldAtMs, doneBytes: bytesDone, sentBytes: counts.bytesSent });
    return { ...counts, bytesToDo: extentsToDo * this.#extentBytes, bytesDone, ...(rate && { rate }) };
  }
}
