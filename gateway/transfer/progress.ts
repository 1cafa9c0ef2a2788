import type { Progress } from "../../core/api/run.ts";

const everyMs = 250;

/** Counts, and tells about it, at most every 250 ms, and at once when the phase changes. */
export class ProgressCounter {
  readonly #tell: (progress: Progress) => void;
  readonly #nowMs: () => number;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #now: Progress;

  constructor(options: {
    readonly extentsTotal: number;
    readonly bytesTotal: number;
    readonly tell: (progress: Progress) => void;
    readonly nowMs: () => number;
  }) {
    const { extentsTotal, bytesTotal } = options;
    this.#tell = options.tell;
    this.#nowMs = options.nowMs;
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

  add(counts: Partial<Omit<Progress, "phase" | "extentsTotal" | "bytesTotal">>): void {
    const next: Record<string, unknown> = { ...this.#now };
    for (const [name, count] of Object.entries(counts)) next[name] = (next[name] as number) + count;
    this.#now = next as Progress;
    if (this.#nowMs() - this.#toldAtMs >= everyMs) this.#say();
  }

  enter(phase: Progress["phase"]): void {
    if (this.#now.phase === phase) return;
    this.#now = { ...this.#now, phase };
    this.#say();
  }

  #say(): void {
    this.#toldAtMs = this.#nowMs();
    this.#tell(this.#now);
  }
}
